// On paper everything is unfolded, light, and as wide as the sheet; afterwards it is as it was.
const SHEET = 940;
let folded = [];

function toPaper() {
  if (root.classList.contains("printing")) return;
  root.classList.add("printing");
  folded = all("details:not([open])");
  folded.forEach((one) => (one.open = true));
  charts.forEach((one) => one.u.setSize({ width: SHEET, height: one.height }));
}

function toScreen() {
  if (!root.classList.contains("printing")) return;
  root.classList.remove("printing");
  folded.forEach((one) => (one.open = false));
  charts.forEach((one) => fit(one));
}

addEventListener("beforeprint", toPaper);
addEventListener("afterprint", toScreen);
matchMedia("print").addEventListener("change", (event) => (event.matches ? toPaper() : toScreen()));
