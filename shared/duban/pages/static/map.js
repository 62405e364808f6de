// Draws the map of a page: the city's own ground, and on it what bears a place, or the place that somebody chooses.
// Without scripts or WebGL there is none, and the page says the same in words.
const COLOURS = { ground: "#e9edf2", line: "#8793a1", ink: "#3a4552", dot: "#14549c", own: "#a8201a" };
const NEAREST_ZOOM = 13;

const canDraw = () => Boolean(document.createElement("canvas").getContext("webgl2"));

/** What bears a place on the page: where, whether the page is about it, and what stands there. */
const places = () => [...document.querySelectorAll("[data-point]")].map((node, index) => ({
  type: "Feature",
  geometry: { type: "Point", coordinates: node.dataset.point.split(",").map(Number) },
  properties: { index, own: node.dataset.own !== undefined },
  node,
}));

/** The box around all of them: west, south, east, north. */
const around = (marked) => {
  const [longitudes, latitudes] = [0, 1].map((axis) => marked.map(({ geometry }) => geometry.coordinates[axis]));
  return [Math.min(...longitudes), Math.min(...latitudes), Math.max(...longitudes), Math.max(...latitudes)];
};

const layers = [
  { id: "areas", type: "fill", source: "ground", filter: ["==", ["geometry-type"], "Polygon"],
    paint: { "fill-color": ["coalesce", ["get", "fill"], COLOURS.ground] } },
  { id: "lines", type: "line", source: "ground", filter: ["!=", ["geometry-type"], "Point"],
    paint: { "line-color": ["coalesce", ["get", "stroke"], COLOURS.line], "line-width": ["coalesce", ["get", "stroke-width"], 1] } },
  { id: "names", type: "symbol", source: "ground", filter: ["has", "name"],
    layout: { "text-field": ["to-string", ["get", "name"]], "text-size": 13, "text-font": ["Noto Sans"] },
    paint: { "text-color": COLOURS.ink, "text-halo-color": "#fff", "text-halo-width": 1.5 } },
  { id: "places", type: "circle", source: "places", layout: { "circle-sort-key": ["case", ["get", "own"], 1, 0] },
    paint: { "circle-radius": ["case", ["get", "own"], 9, 7], "circle-color": ["case", ["get", "own"], COLOURS.own, COLOURS.dot],
      "circle-stroke-color": "#fff", "circle-stroke-width": 2 } },
];

async function draw(holder) {
  holder.dataset.drawn = "soon";
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: holder.dataset.style });
  document.head.append(style);
  // Read here, and not by the worker, which may ask nobody.
  const [library, ground] = await Promise.all([import(holder.dataset.library), fetch(holder.dataset.ground).then((answer) => answer.json())]);
  library.setWorkerUrl(new URL(holder.dataset.worker, location.href).href);
  const marked = places();
  const map = new library.Map({
    container: holder.querySelector(".ground"),
    style: { version: 8, layers, sources: {
      ground: { type: "geojson", data: ground },
      places: { type: "geojson", data: { type: "FeatureCollection", features: marked.map(({ node, ...feature }) => feature) } },
    } },
    bounds: holder.dataset.bounds.split(",").map(Number), fitBoundsOptions: { padding: 16 },
    locale: JSON.parse(holder.dataset.words), localIdeographFontFamily: "sans-serif",
    attributionControl: false, cooperativeGestures: true, dragRotate: false, pitchWithRotate: false, touchPitch: false,
    fadeDuration: 0,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new library.NavigationControl({ showCompass: false }));
  const own = marked.find(({ node }) => node.dataset.own !== undefined);
  if (own) map.fitBounds(around(marked), { padding: 48, maxZoom: marked.length > 1 ? NEAREST_ZOOM + 2 : NEAREST_ZOOM, animate: false });
  if (holder.dataset.picks === undefined) show(map, library, marked);
  else choose(map, library, holder);
  map.once("idle", () => { holder.dataset.drawn = "now"; });
}

/** A press on a place says what is there, with the way to it. */
function show(map, library, marked) {
  map.on("click", ({ point, lngLat }) => {
    const pressed = [[point.x - 8, point.y - 8], [point.x + 8, point.y + 8]];
    const found = new Set(map.queryRenderedFeatures(pressed, { layers: ["places"] }).map(({ properties }) => properties.index));
    if (!found.size) return;
    const said = document.createElement("ul");
    for (const { node } of [...found].slice(0, 8).map((index) => marked[index])) {
      const line = document.createElement("li");
      const way = node.querySelector("a");
      line.append(way ? way.cloneNode(true) : node.dataset.title ?? node.textContent);
      said.append(line);
    }
    new library.Popup({ maxWidth: "18rem" }).setLngLat(lngLat).setDOMContent(said).addTo(map);
  });
  map.on("mouseenter", "places", () => { map.getCanvas().style.cursor = "pointer"; });
  map.on("mouseleave", "places", () => { map.getCanvas().style.cursor = ""; });
}

/** A press takes its place, and so does the button the middle, for who has no pointer; others are told of it. */
function choose(map, library, holder) {
  const field = holder.closest("[data-place]");
  const marker = new library.Marker({ color: COLOURS.own });
  const put = ({ latitude, longitude }) => marker.setLngLat([longitude, latitude]).addTo(map);
  const take = ({ lat, lng }) => {
    const detail = { latitude: lat, longitude: lng };
    put(detail);
    field.dispatchEvent(new CustomEvent("chosen", { detail }));
  };
  map.on("click", ({ lngLat }) => take(lngLat));
  holder.querySelector(".ground + p button").addEventListener("click", () => take(map.getCenter()));
  field.addEventListener("located", ({ detail }) => {
    put(detail);
    map.jumpTo({ center: [detail.longitude, detail.latitude], zoom: NEAREST_ZOOM });
  });
  const [latitude, longitude] = [...field.querySelectorAll("input")].map((input) => Number(input.value));
  if (latitude || longitude) put({ latitude, longitude });
}

for (const holder of canDraw() ? document.querySelectorAll("[data-map]") : []) {
  holder.hidden = false;
  const fold = holder.closest("details");
  if (!fold || fold.open) { draw(holder); continue; }
  fold.hidden = false;
  fold.closest("[data-place]")?.removeAttribute("hidden");
  fold.addEventListener("toggle", () => { if (!holder.dataset.drawn) draw(holder); });
}
