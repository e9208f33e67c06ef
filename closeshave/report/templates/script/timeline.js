// The charts over time: one view for all of them, and one choice of region and shard.
const view = { from: 0, to: data.span_s };
const chosen = { region: -1, shard: -1 };
let pointed = null; // the stretch that a link leads to

const starts = Array.from({ length: data.parts.bins }, (_, at) => at * data.parts.bin_s);
const middles = starts.map((at) => Math.min(at + data.parts.bin_s / 2, (at + data.span_s) / 2));
// The edges have no value; they make every chart begin and end with the run.
const times = [0, ...middles, data.span_s];
const edged = (values) => [undefined, ...values, undefined];
const nothing = () => new Array(data.parts.bins).fill(null);

const partOf = (region, shard) => data.parts.curves.find((one) => one.region === region && one.shard === shard);
const named = (part, name) => (part ? part[name] : nothing());

const overTime = () => charts.filter((one) => one.spec.time);
const close = (one, other) => Math.abs(one - other) < 1e-6;

function show(from, to) {
  if (!known(from) || !known(to) || (close(from, view.from) && close(to, view.to))) return;
  const length = Math.min(data.span_s, Math.max(to - from, data.parts.bin_s));
  view.from = Math.max(0, Math.min(from, data.span_s - length));
  view.to = view.from + length;
  for (const { u } of overTime()) if (!close(u.scales.x.min, view.from) || !close(u.scales.x.max, view.to)) u.setScale("x", { min: view.from, max: view.to });
  layStrip();
  say();
}

// Leads to a stretch: a little of what was before and after it is shown too.
function point(from, to) {
  pointed = { from, to };
  const margin = Math.max((to - from) * 0.25, 5 * data.parts.bin_s, 5);
  show(Math.max(0, from - margin), Math.min(data.span_s, to + margin));
  overTime().forEach((one) => one.u.redraw(false));
}

function say() {
  const part = partOf(chosen.region, chosen.shard);
  const where = [
    chosen.region < 0 ? "" : data.parts.regions[chosen.region],
    chosen.shard < 0 ? "" : `shard ${data.parts.shards[chosen.shard]}`,
  ].filter(Boolean).join(", ");
  const whole = close(view.from, 0) && close(view.to, data.span_s);
  const text = [whole ? "" : `${clock(view.from)} to ${clock(view.to)}`, where, part ? "" : "no requests"].filter(Boolean).join(": ");
  byId("shown").textContent = text;
}

const mainCurves = {
  rate: (part) => [times, edged(named(part, "completed")), edged(named(part, "offered"))],
  response: (part) => [times, edged(named(part, "p50")), edged(named(part, "p95")), edged(named(part, "p99"))],
};

const main = {};
function buildTimeline() {
  const whole = partOf(-1, -1), time = true;
  const bad = named(whole, "bad");
  main.rate = makeChart(byId("chart-rate"), {
    title: "Requests per second", height: 170, time, format: perSecond, data: mainCurves.rate(whole),
    curves: [{ name: "answered well", colour: "completed", fill: "completed-fill" }, { name: "offered", colour: "offered", dash: [4, 3], width: 1.2 }],
  });
  main.response = makeChart(byId("chart-response"), {
    title: "Response time", height: 190, time, log: true, format: duration, data: mainCurves.response(whole),
    curves: [{ name: "p50", colour: "p50" }, { name: "p95", colour: "p95", width: 2 }, { name: "p99", colour: "p99", dash: [5, 2.5] }],
  });
  main.bad = makeChart(byId("chart-bad"), {
    title: "Not good, requests per second", height: 110, time, format: perSecond, data: [times, edged(visible(bad))], real: [times, edged(bad)],
    curves: [{ name: "not good", colour: "bad", bars: true }],
  });
  if (data.machine) {
    const { at_s, busy, platform, generator, harness, others } = data.machine;
    const shares = [busy, platform, generator, harness, others];
    makeChart(byId("chart-machine"), {
      title: "Processors in use, share of all cores", height: 150, time, top: 100, format: percent,
      data: [[0, ...at_s, data.span_s], ...shares.map(edged)],
      curves: [
        { name: "all processes", colour: "soft", width: 1.2 },
        { name: "platform", colour: "p95", width: 2 },
        { name: "load generator", colour: "p99", dash: [5, 2.5] },
        { name: "rest of the harness", colour: "heal", dash: [2, 2] },
        { name: "other programs", colour: "hurt" },
      ],
    });
  }
}

// Curves of every shard, or of every region, within what is chosen of the other.
const COLOURS = 8;
const DASHES = [undefined, [6, 3], [2, 2]];
let compared = [];

function buildCompared() {
  compared.forEach(removeChart);
  const by = byId("compare").value;
  const names = by === "shard" ? data.parts.shards.map((one) => `shard ${one}`) : data.parts.regions;
  const parts = names.map((_, at) => (by === "shard" ? partOf(chosen.region, at) : partOf(at, chosen.shard)));
  byId("compared").hidden = names.length === 0;
  const curves = names.map((name, at) => ({ name, colour: `c${at % COLOURS}`, dash: DASHES[Math.floor(at / COLOURS) % DASHES.length] }));
  const values = (name) => [times, ...parts.map((one) => edged(named(one, name)))];
  compared = names.length === 0 ? [] : [
    makeChart(byId("chart-compared-response"), { title: `Response time p95 by ${by}`, height: 170, time: true, log: true, format: duration, data: values("p95"), curves }),
    makeChart(byId("chart-compared-bad"), { title: `Not good by ${by}, requests per second`, height: 120, time: true, format: perSecond, data: values("bad"), curves }),
  ];
}

function buildSpread() {
  const host = byId("chart-spread");
  if (!host || !data.spread.length) return;
  const styles = { calm: { colour: "completed" }, fault: { colour: "bad", dash: [6, 3] } };
  makeChart(host, {
    title: "Share of requests by response time", height: 190, xLog: true, format: percent,
    data: [data.spread[0].ms, ...data.spread.map((one) => one.share)],
    curves: data.spread.map((one) => ({ name: `${one.role}, ${count(one.n)} requests`, ...styles[one.role] })),
  });
}

function choose(name, value) {
  chosen[name] = value;
  for (const select of all(`select[data-filter="${name}"]`)) select.value = String(value);
  const part = partOf(chosen.region, chosen.shard), bad = named(part, "bad");
  draw(main.rate, mainCurves.rate(part));
  draw(main.response, mainCurves.response(part));
  draw(main.bad, [times, edged(visible(bad))], [times, edged(bad)]);
  buildCompared();
  say();
  fillRequests();
}

function fillFilters() {
  const options = { region: data.parts.regions, shard: data.parts.shards };
  for (const select of all("select[data-filter]")) {
    const name = select.dataset.filter;
    select.append(element("option", { value: "-1" }, `all ${name}s`), ...options[name].map((one, at) => element("option", { value: String(at) }, String(one))));
    select.addEventListener("change", () => choose(name, +select.value));
  }
}

const views = {
  in: (middle, half) => [middle - half / 2, middle + half / 2],
  out: (middle, half) => [middle - half * 2, middle + half * 2],
  earlier: (middle, half) => [middle - half * 1.5, middle + half * 0.5],
  later: (middle, half) => [middle - half * 0.5, middle + half * 1.5],
  all: () => [0, data.span_s],
};

function buildControls() {
  for (const button of all("button[data-view]")) {
    button.addEventListener("click", () => {
      if (button.dataset.view === "all") pointed = null;
      show(...views[button.dataset.view]((view.from + view.to) / 2, (view.to - view.from) / 2));
      overTime().forEach((one) => one.u.redraw(false));
    });
  }
  byId("compare").addEventListener("change", buildCompared);
}

if (strip) {
  fillFilters();
  buildStrip();
  buildTimeline();
  buildCompared();
  buildSpread();
  buildControls();
  layStrip();
  say();
}
