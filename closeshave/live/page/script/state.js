// What the page knows: the newest picture, and the curves with all intervals that were sent so far.
const live = document.querySelector("main.live");
const state = { picture: null, role: "", received: 0, series: null };
const view = { from: 0, to: 1 };
let pointed = null;

// The token is taken out of the address: what is shown on a wall must not let people in. A reload finds it in this tab's own storage.
const STORED = "closeshave-live";
const token = (() => {
  const given = location.hash.slice(1);
  try {
    if (!given) return sessionStorage.getItem(STORED) || "";
    sessionStorage.setItem(STORED, given);
    history.replaceState(null, "", location.pathname);
  } catch { /* A browser that stores nothing keeps it in the address. */ }
  return given;
})();

// New intervals replace those that may have changed since; the server says which it no longer remembers.
function keepSeries(told) {
  const kept = state.series;
  if (!told) return;
  if (!kept || kept.width_s !== told.width_s || told.begins > kept.first + kept.offered.length || told.begins < kept.first) {
    state.series = { ...told, first: told.begins };
    return;
  }
  const join = (before, after) => before.slice(Math.max(0, told.first - kept.first), told.begins - kept.first).concat(after);
  state.series = {
    ...told,
    first: Math.max(kept.first, told.first),
    offered: join(kept.offered, told.offered),
    places: told.places.map((one, at) => {
      const joined = { name: one.name, sort: one.sort };
      for (const name of CURVES) joined[name] = join(kept.places[at][name], one[name]);
      return joined;
    }),
  };
}

const CURVES = ["due_per_s", "completed_per_s", "bad_per_s", "p50_ms", "p95_ms", "p99_ms"];
const AGAIN = 6; // intervals that may still change: senders write their records a little later than they end

const instant = (seconds) => {
  const whole = Math.floor(Math.abs(seconds)), minutes = Math.floor(whole / 60);
  const text = minutes < 60 ? `${minutes}:${String(whole % 60).padStart(2, "0")}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return seconds < 0 ? `-${text}` : text;
};
const share = (value) => (known(value) ? (value > 0 && value < 0.0001 ? "< 0.01 %" : percent(value * 100)) : "–");
const ofDay = (wall_s) => new Date(wall_s * 1000).toLocaleTimeString([], { hour12: false });

// Text nodes are replaced only where they changed: what somebody selects or focuses stays.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function name_(node, name) {
  if (node.className !== name) node.className = name;
}

// As many children as there are values, each filled by its own; children are used again.
function fill(host, values, make, update) {
  while (host.children.length > values.length) host.lastElementChild.remove();
  while (host.children.length < values.length) host.append(make());
  values.forEach((value, at) => update(host.children[at], value));
}

// A list that is longer than its place must be scrolled without a mouse as well; a short one is no stop on the way.
function reachable(list) {
  if (list.scrollHeight > list.clientHeight) list.tabIndex = 0;
  else list.removeAttribute("tabindex");
}
