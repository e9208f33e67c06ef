// Above the charts: phases, a lane for each fault, doubtful stretches and the platform's signals, on the charts' own time axis.
const strip = byId("strip");
const placed = [];

function place(node, from, to = null) {
  placed.push({ node, from, to });
  return node;
}

function lane(kind, label, ...nodes) {
  const track = element("div", { class: "track" }, ...nodes);
  strip.append(element("div", { class: `lane ${kind}`, role: "group", "aria-label": label }, track));
  return track;
}

const within = (at) => `at ${clock(at)}`;

function mark(kind, sign, at, what) {
  return known(at) ? [place(element("i", { class: `mark ${kind}`, title: `${what} ${within(at)}` }, sign), at)] : [];
}

function faultLane(fault) {
  const until = Math.max(fault.to, fault.recovered ?? 0);
  const name = element("a", { class: "name", href: `#${fault.anchor}` }, fault.healed === null ? `${fault.name} (not healed)` : fault.name);
  const bars = [place(element("i", { class: "bar band" }), fault.from, fault.to)];
  if (known(fault.recovered)) bars.push(place(element("i", { class: "bar hurt" }), fault.from, fault.recovered));
  if (known(fault.healed) && known(fault.verified)) bars.push(place(element("i", { class: "bar healing" }), fault.healed, fault.verified));
  const marks = [
    ...mark("injected", "▼", fault.from, "injected"),
    ...(known(fault.observed) && fault.observed - fault.from > data.span_s / 100 ? mark("observed", "◆", fault.observed, "observed in effect") : []),
    ...mark("recovered", "●", fault.recovered, "service restored"),
    ...mark("healed", "▲", fault.healed, "healing begins"),
  ];
  lane("fault", `Fault ${fault.name}`, ...bars, ...marks, place(name, fault.from, Math.max(until, fault.verified ?? 0)));
}

function buildStrip() {
  lane("phases", "Phases", ...data.phases.map((one) => place(element("i", { class: `phase ${one.role}`, title: one.name }, one.name), one.from, one.to)));
  data.faults.forEach(faultLane);
  if (data.doubts.length) lane("doubts", "Doubtful stretches", ...data.doubts.map((one) => place(element("i", { class: "bar doubt", title: one.cause }), one.from, one.to)));
  if (data.signals.length) lane("signals", "Signals of the platform", ...data.signals.map((one) => place(element("i", { class: `signal ${one.kind}`, title: `${one.text} ${within(one.at)}` }), one.at)));
}

// In shares of the visible stretch. A name stands behind its fault, or before it, or on it, wherever there is room.
function layStrip() {
  const length = view.to - view.from;
  const share = (at) => ((at - view.from) / length) * 100;
  for (const { node, from, to } of placed) {
    const start = share(from), end = share(to ?? from);
    node.hidden = end < 0 || start > 100 || (to === null && (start < 0 || start > 100));
    if (node.classList.contains("name")) {
      const left = Math.max(0, start), right = Math.min(100, end);
      const behind = 100 - right >= left;
      node.style.left = behind ? `calc(${right}% + 10px)` : "auto";
      node.style.right = behind ? "auto" : `calc(${100 - left}% + 10px)`;
      const crowded = Math.max(100 - right, left) < 25;
      node.classList.toggle("over", crowded);
      if (crowded) Object.assign(node.style, { left: `calc(${left}% + 10px)`, right: "auto" });
    } else {
      const left = Math.max(0, start);
      node.style.left = `${left}%`;
      if (to !== null) node.style.width = `max(2px, ${Math.min(100, end) - left}%)`;
    }
  }
}
