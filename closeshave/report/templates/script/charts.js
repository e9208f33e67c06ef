// One chart: uPlot below a title and a legend whose entries switch their curves on and off. Text in canvases and axes comes from figures alone.
const charts = [];
const AXIS = 62, GAP = 18;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Arial, sans-serif';

// A point that has no neighbour has no line to be seen by.
function lonely(u, series) {
  const values = u.data[series], found = [];
  for (let at = 0; at < values.length; at++) if (known(values[at]) && !known(values[at - 1]) && !known(values[at + 1])) found.push(at);
  return found.length ? found : null;
}

function range(spec) {
  if (spec.log) return (u, low, high) => (known(low) && high > 0 ? uPlot.rangeLog(low, high, 10, true) : [1, 1000]);
  if (spec.top) return () => [0, spec.top];
  return (u, low, high) => [0, high > 0 ? high * 1.08 : 1];
}

function curve(one, spec) {
  const stroke = () => colour(one.colour);
  return {
    label: one.name,
    scale: "y",
    stroke,
    width: one.bars ? 0 : one.width || 1.6,
    dash: one.dash,
    fill: one.bars ? stroke : one.fill ? () => colour(one.fill) : undefined,
    paths: one.bars ? uPlot.paths.bars({ size: [1, Infinity] }) : uPlot.paths.linear(),
    points: one.bars ? { show: false } : { show: false, filter: lonely, size: 4, fill: stroke, stroke },
    value: (u, value) => spec.format(value),
  };
}

function makeChart(host, spec) {
  const title = element("h3", { class: "chart-title" }, spec.title);
  const keys = element("div", { class: "keys", role: "group", "aria-label": `Curves of ${spec.title}` });
  const plot = element("div", { class: "canvas", tabindex: "0", role: "group", "aria-label": `Chart: ${spec.title}` });
  host.replaceChildren(element("div", { class: "chart-head" }, title, keys), plot);
  const options = {
    width: Math.max(240, host.clientWidth),
    height: spec.height,
    padding: [8, GAP, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 }, ...(spec.time ? { sync: { key: "run", scales: ["x", null] } } : {}) },
    scales: { x: { time: false, distr: spec.xLog ? 3 : 1, ...(spec.time ? { min: view.from, max: view.to } : {}) }, y: { distr: spec.log ? 3 : 1, range: range(spec) } },
    axes: [
      { scale: "x", stroke: () => colour("soft"), font: FONT, size: 28, space: 64, grid: { show: false }, ticks: { stroke: () => colour("line"), size: 4 },
        values: (u, splits) => splits.map((value) => (value === null ? "" : spec.time ? clock(value) : duration(value))) },
      { scale: "y", stroke: () => colour("soft"), font: FONT, size: AXIS, space: 26, grid: { stroke: () => colour("line"), width: 0.6 }, ticks: { show: false },
        values: (u, splits) => splits.map((value) => (value === null ? "" : spec.format(value))) },
    ],
    series: [{}, ...spec.curves.map((one) => curve(one, spec))],
    hooks: { setCursor: [(u) => readings(made, u.cursor.idx)], ...(spec.time ? timeHooks : {}) },
  };
  const made = { host, spec, keys, values: [], height: spec.height };
  made.u = new uPlot(options, spec.data, plot);
  made.real = spec.real || spec.data;
  spec.curves.forEach((one, at) => keys.append(key(made, one, at + 1)));
  plot.addEventListener("keydown", (event) => step(made, event));
  made.observer = new ResizeObserver(() => fit(made));
  made.observer.observe(host);
  charts.push(made);
  return made;
}

function removeChart(made) {
  made.observer.disconnect();
  made.u.destroy();
  charts.splice(charts.indexOf(made), 1);
}

function key(made, one, at) {
  const sample = element("i", { class: one.bars ? "sample bars" : one.dash ? "sample dashed" : "sample" });
  sample.style.setProperty("--curve", `var(--${one.colour})`);
  const value = element("b");
  const button = element("button", { type: "button", "aria-pressed": "true", title: "Show or hide this curve" }, sample, one.name, " ", value);
  button.addEventListener("click", () => {
    const show = !made.u.series[at].show;
    made.u.setSeries(at, { show });
    button.setAttribute("aria-pressed", String(show));
  });
  made.values[at] = value;
  return button;
}

// The figures under the cursor; none without one.
function readings(made, at) {
  made.values.forEach((node, series) => {
    node.textContent = known(at) ? made.spec.format(made.real[series][at]) : "";
  });
}

function step(made, event) {
  const { u } = made;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Escape") u.setCursor({ left: -10, top: -10 }, true, true);
  if (by === undefined) return;
  event.preventDefault();
  const last = u.data[0].length - 1;
  const from = known(u.cursor.idx) ? u.cursor.idx : u.valToIdx(u.scales.x.min) - by;
  const at = Math.max(0, Math.min(last, from + by * (event.shiftKey ? 10 : 1)));
  u.setCursor({ left: u.valToPos(u.data[0][at], "x"), top: 10 }, true, true);
}

function fit(made, width = made.host.clientWidth) {
  if (root.classList.contains("printing") || !made.host.clientWidth) return;
  if (Math.abs(width - made.u.width) >= 1) made.u.setSize({ width, height: made.height });
}

function draw(made, values, real = values) {
  made.real = real;
  made.u.setData(values, false);
  made.u.setScale("x", { min: view.from, max: view.to });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((one) => one.u.redraw(true)));
