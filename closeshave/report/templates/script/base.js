// What every part of the script uses: the data, elements, and figures as people write them.
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
root.classList.add("script");

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Text is only ever written as text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const digits = (value) => (value >= 99.95 ? value.toFixed(0) : value >= 1 ? String(+value.toFixed(1)) : String(+value.toPrecision(2)));
const count = (value) => (known(value) ? value.toLocaleString("en-US", { maximumFractionDigits: 1 }) : "–");
const perSecond = (value) => (known(value) ? `${digits(value)}/s` : "–");
const percent = (value) => (known(value) ? `${digits(value)} %` : "–");

function duration(ms) {
  if (!known(ms)) return "–";
  if (ms < 1000) return `${digits(ms)} ms`;
  return ms < 120000 ? `${digits(ms / 1000)} s` : `${digits(ms / 60000)} min`;
}

function clock(seconds) {
  if (data.span_s < 600) return `${+seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
