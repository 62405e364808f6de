// Fills in where the device is, if its owner asks for it. Without scripts the place is said in words.
for (const field of document.querySelectorAll("[data-place]")) {
  if (!("geolocation" in navigator) || !window.isSecureContext) continue;
  const [latitude, longitude] = field.querySelectorAll("input");
  const status = field.querySelector("[role=status]");
  const show = () => { if (latitude.value) status.textContent = status.dataset.found + latitude.value + ", " + longitude.value; };
  field.hidden = false;
  show();
  field.querySelector("button").addEventListener("click", () => navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      latitude.value = coords.latitude.toFixed(6);
      longitude.value = coords.longitude.toFixed(6);
      show();
    },
    () => { status.textContent = status.dataset.refused; },
    { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 },
  ));
}
