// The charts over time, and the choice of place and stretch.
const main = {};
const chosen = { place: 0, span: "" };
const COLOURS = 8, DASHES = [undefined, [6, 3], [2, 2]];
let compared = [], comparedBy = "";

const overTime = () => charts.filter((one) => one.spec.time);
const close = (one, other) => Math.abs(one - other) < 1e-6;

function times() {
  const { series } = state;
  return series.offered.map((_, at) => (series.first + at + 0.5) * series.width_s);
}

// At one second a piece the newest interval is not over; it would look like a dip.
function whole(values) {
  return state.series.width_s === 1 ? values.slice(0, -1) : values;
}
const shape = (...columns) => [whole(times()), ...columns.map(whole)];

const mainCurves = {
  rate: (place, at) => shape(place.completed_per_s, at === 0 ? state.series.offered : place.due_per_s),
  response: (place) => shape(place.p50_ms, place.p95_ms, place.p99_ms),
};

function buildCharts() {
  const place = state.series.places[0], time = true;
  main.rate = makeChart(byId("chart-rate"), {
    title: "Requests per second", height: 170, time, format: perSecond, data: mainCurves.rate(place, 0),
    curves: [{ name: "completed", colour: "completed", fill: "completed-fill" }, { name: "offered", colour: "offered", dash: [4, 3], width: 1.2 }],
  });
  main.response = makeChart(byId("chart-response"), {
    title: "Response time", height: 190, time, log: true, format: duration, data: mainCurves.response(place),
    curves: [{ name: "p50", colour: "p50" }, { name: "p95", colour: "p95", width: 2 }, { name: "p99", colour: "p99", dash: [5, 2.5] }],
  });
  const bad = shape(place.bad_per_s);
  main.bad = makeChart(byId("chart-bad"), {
    title: "Not good, requests per second", height: 110, time, format: perSecond, data: [bad[0], visible(bad[1])], real: bad,
    curves: [{ name: "not good", colour: "bad", bars: true }],
  });
}

// Places that somebody asked, of one sort: a spare shard without requests has no curve.
function seen(sort) {
  return state.series.places.filter((one) => one.sort === sort && one.completed_per_s.some((value) => value > 0));
}

function drawCompared() {
  const by = byId("compare").value, places = seen(by);
  const names = places.map((one) => one.name), key = `${by} ${names.join(" ")}`;
  byId("compared").hidden = names.length === 0;
  const columns = (name) => shape(...places.map((one) => one[name]));
  if (key === comparedBy) {
    [["p95_ms", 0], ["bad_per_s", 1]].forEach(([name, at]) => compared[at] && draw(compared[at], columns(name)));
    return;
  }
  comparedBy = key;
  compared.forEach(removeChart);
  const curves = names.map((name, at) => ({ name, colour: `c${at % COLOURS}`, dash: DASHES[Math.floor(at / COLOURS) % DASHES.length] }));
  compared = names.length === 0 ? [] : [
    makeChart(byId("chart-compared-response"), { title: `Response time p95 by ${by}`, height: 160, time: true, log: true, format: duration, data: columns("p95_ms"), curves }),
    makeChart(byId("chart-compared-bad"), { title: `Not good by ${by}, requests per second`, height: 110, time: true, format: perSecond, data: columns("bad_per_s"), curves }),
  ];
}

function drawCharts() {
  if (!state.series || !state.series.offered.length) return;
  if (!main.rate) buildCharts();
  const at = Math.min(chosen.place, state.series.places.length - 1), place = state.series.places[at];
  draw(main.rate, mainCurves.rate(place, at));
  draw(main.response, mainCurves.response(place));
  const bad = shape(place.bad_per_s);
  draw(main.bad, [bad[0], visible(bad[1])], bad);
  drawCompared();
}

// The stretch that all charts and the strip show. Whoever drags over a chart holds it, until a span is chosen again.
function follow() {
  const { now_s, total_s } = state.picture;
  // In a long plan the begin would be a few pixels wide.
  if (!chosen.span && total_s) byId("span").value = chosen.span = total_s > 600 ? "run" : "plan";
  data.span_s = Math.max(total_s, now_s, 1);
  if (chosen.span === "held") return;
  const newest = Math.max(now_s, 10);
  if (chosen.span === "plan" || !chosen.span) Object.assign(view, { from: 0, to: Math.max(total_s, Math.min(newest, total_s + 60)) });
  else if (chosen.span === "run") Object.assign(view, { from: 0, to: newest });
  else Object.assign(view, { from: Math.max(0, newest - +chosen.span), to: newest });
}

function show(from, to) {
  if (!known(from) || !known(to) || (close(from, view.from) && close(to, view.to)) || to - from < 1) return;
  Object.assign(view, { from, to });
  chosen.span = "held";
  byId("span").querySelector("[value=held]").hidden = false;
  byId("span").value = "held";
  for (const { u } of overTime()) if (!close(u.scales.x.min, from) || !close(u.scales.x.max, to)) u.setScale("x", { min: from, max: to });
  layStrip();
  say();
}

function say() {
  const place = state.series?.places[chosen.place];
  const text = chosen.span === "held" ? `${instant(view.from)} to ${instant(view.to)}, held` : "";
  write(byId("shown"), [text, place?.name].filter(Boolean).join(": "));
}

function fillPlaces() {
  const select = byId("place"), names = (state.series?.places ?? []).map((one) => one.name || "everything");
  if (select.options.length === names.length) return;
  select.replaceChildren(...names.map((name, at) => element("option", { value: String(at) }, name)));
  select.value = String(chosen.place);
}

byId("place").addEventListener("change", (event) => { chosen.place = +event.target.value; drawCharts(); say(); });
byId("compare").addEventListener("change", () => state.series && drawCompared());
byId("span").addEventListener("change", (event) => {
  chosen.span = event.target.value;
  event.target.querySelector("[value=held]").hidden = chosen.span !== "held";
  if (state.picture) { follow(); drawCharts(); layStrip(); say(); }
  askAgain();
});
