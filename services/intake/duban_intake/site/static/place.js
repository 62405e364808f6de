// Fills in where the device is, or what was chosen on a map. Without scripts the place is said in words.
for (const field of document.querySelectorAll("[data-place]")) {
  const [latitude, longitude] = field.querySelectorAll("input");
  const status = field.querySelector("[role=status]");
  const show = () => { if (latitude.value) status.textContent = status.dataset.found + latitude.value + ", " + longitude.value; };
  const take = (place) => {
    latitude.value = place.latitude.toFixed(6);
    longitude.value = place.longitude.toFixed(6);
    show();
  };
  show();
  field.addEventListener("chosen", ({ detail }) => take(detail));
  if (!("geolocation" in navigator) || !window.isSecureContext) continue;
  const button = field.querySelector("button");
  button.hidden = field.hidden = false;
  button.addEventListener("click", () => navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      take(coords);
      field.dispatchEvent(new CustomEvent("located", { detail: { latitude: coords.latitude, longitude: coords.longitude } }));
    },
    () => { status.textContent = status.dataset.refused; },
    { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 },
  ));
}
