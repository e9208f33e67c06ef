// What the strip and the charts' bands are made of, from the newest picture. The strip is built again when its members change.
let built = "";

function planned(one) {
  return place(element("i", { class: "mark planned", title: `${one.id}: planned ${within(one.planned_s)}` }, "▽"), one.planned_s);
}

function disruptionLane(one, now_s) {
  const to = one.healed_s ?? now_s;
  const nodes = !known(one.injected_s) ? [planned(one)] : [
    place(element("i", { class: "bar band" }), one.injected_s, to),
    ...(known(one.healed_s) ? [place(element("i", { class: "bar healing" }), one.healed_s, one.verified_s ?? now_s)] : []),
    ...mark("injected", "▼", one.injected_s, "injected"),
    ...mark("observed", "◆", one.observed_s, "observed in effect"),
    ...mark("healed", "▲", one.healed_s, "healing begins"),
  ];
  const name = element("a", { class: "name", href: `#fault-${one.id}` }, one.id);
  lane("fault", `${one.drill ? "Drill" : "Fault"} ${one.id}`, ...nodes, place(name, one.injected_s ?? one.planned_s, known(one.injected_s) ? (one.verified_s ?? to) : one.planned_s));
}

// What people marked and has not been corrected, on the same axis.
function peoplesMarks({ gameday }) {
  if (!gameday) return [];
  const corrected = new Set(gameday.marks.map((one) => one.corrects));
  return gameday.marks.flatMap((one, at) => (corrected.has(at) ? [] : mark("person", String(MARKS.indexOf(one.mark) + 1), gameday.exercise_s + one.at_s, `${WORDS[one.mark]}, by ${one.by}`)));
}

function showStrip(picture) {
  data.phases = picture.phases.map((one) => ({ name: one.name, role: one.role, from: one.begins_s, to: one.ends_s }));
  data.faults = picture.disruptions.filter((one) => known(one.injected_s)).map((one) => ({ from: one.injected_s, to: one.healed_s ?? picture.now_s, recovered: null }));
  data.signals = picture.signals.map((one) => ({ at: one.at_s, kind: one.kind, text: `${one.kind} ${one.scope}` }));
  const now_s = Math.min(picture.now_s, data.span_s);
  const open = picture.disruptions.some((one) => known(one.injected_s) && !known(one.verified_s));
  const made = JSON.stringify([data.phases, picture.disruptions.map((one) => [one.id, one.injected_s, one.observed_s, one.healed_s, one.verified_s]), data.signals.length, picture.gameday?.marks.length ?? 0, open ? now_s : 0]);
  if (made !== built) {
    built = made;
    const focused = strip.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    strip.replaceChildren();
    placed.length = 0;
    lane("phases", "Phases", ...data.phases.map((one) => place(element("i", { class: `phase ${one.role}`, title: one.name }, one.name), one.from, one.to)));
    picture.disruptions.filter((one) => known(one.injected_s) || known(one.planned_s)).forEach((one) => disruptionLane(one, now_s));
    const people = peoplesMarks(picture);
    if (people.length) lane("people", "Marks of people", ...people);
    if (data.signals.length) lane("signals", "Signals of the platform", ...data.signals.map((one) => place(element("i", { class: `signal ${one.kind}`, title: `${one.text} ${within(one.at)}` }), one.at)));
    if (focused) strip.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  layStrip();
}
