// A game day: its clock, its injects as cards, what people press. What is pressed goes to the trial as a file; its answer comes with the next picture.
const WORDS = {
  go: "Go", hold: "Hold", resume: "Resume", skip: "Skip", now: "Now", reveal: "Reveal", "stop-and-heal": "Stop and heal",
  noticed: "Noticed", acknowledged: "Acknowledged", "cause-found": "Cause found", mitigated: "Mitigated", resolved: "Resolved",
};
const STATUS = { planned: "planned", next: "next", waiting: "waiting", held: "held", started: "in effect", done: "done", skipped: "skipped", stopped: "stopped" };
const MARKS = ["noticed", "acknowledged", "cause-found", "mitigated", "resolved"];
const KEYS = { g: "go", h: "hold", s: "skip", n: "now" };
const SURELY_MS = 5000;
const NAMED = "closeshave-name";
const sentIds = new Map(); // what this page pressed, by the ID of the press, until it is answered
const day = byId("gameday");

const stored = (key, value) => {
  try {
    if (value !== undefined) sessionStorage.setItem(key, value);
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
};
const person = byId("person");
person.value = stored(NAMED);
person.addEventListener("input", () => stored(NAMED, person.value));

const allowed = (action) => Boolean(state.picture?.gameday?.may.includes(action));
const atOnce = () => state.picture?.gameday?.injects.find((one) => ["next", "waiting", "held"].includes(one.status));

function answered(text, bad = false) {
  write(byId("answer"), text);
  byId("answer").classList.toggle("bad", bad);
}

// One press, sent once: a double click or a repeated key must not say a thing twice. Other presses do not wait for it: a mark would be lost or late.
const sending = new Set();
async function press(action, inject = null, value = null) {
  const name = person.value.trim();
  if (!name) {
    answered("Write your name first: it is written beside everything that you press.", true);
    person.focus();
    return false;
  }
  const body = JSON.stringify({ name, action, inject, value });
  if (sending.has(body)) return false;
  sending.add(body);
  answered(`${WORDS[action] ?? action} …`);
  try {
    const answer = await fetch("/press", {
      method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, cache: "no-store", credentials: "omit",
      body, signal: AbortSignal.timeout(8000),
    });
    const told = await answer.json();
    if (answer.ok) sentIds.set(told.id, WORDS[value] ?? WORDS[action] ?? action);
    else answered(`Not taken: ${told.error}`, true);
    return answer.ok;
  } catch {
    answered("Nobody answers. On a terminal of the trial: closeshave gameday press RUN stop-and-heal, or Ctrl-C.", true);
    return false;
  } finally {
    sending.delete(body);
  }
}

function showAnswers(told) {
  for (const one of told.answers) {
    if (!sentIds.has(one.id)) continue;
    answered(one.taken ? `${sentIds.get(one.id)}: done` : `${sentIds.get(one.id)}: not taken. ${one.why}`, !one.taken);
    sentIds.delete(one.id);
  }
}

function button(action, label, attributes = {}) {
  return element("button", { type: "button", "data-action": action, ...attributes }, label);
}

function clockText(told) {
  const { clock } = told;
  if (clock.state === "running" && clock.elapsed_s < 0) return `begins in ${instant(-clock.elapsed_s)}`;
  const word = { running: "running", paused: "held", ended: "ended" }[clock.state];
  return `${word}, ${instant(clock.elapsed_s)}`;
}

// -- cards ------------------------------------------------------------------------------------------------------------------------------------

function makeCard() {
  return element("li", { class: "card" },
    element("div", { class: "line" }, element("h3"), element("span", { class: "chip" }), element("span", { class: "soft small" })),
    element("dl", { class: "facts told" }),
    element("ul", { class: "list conditions" }),
    element("p", { class: "why" }),
    element("div", { class: "buttons" }),
    element("details", { class: "runbook" }, element("summary"), element("ol", { class: "list" })));
}

function due(one) {
  if (one.healed_at_s !== null) return `began ${instant(one.begun_at_s)}, healed ${instant(one.healed_at_s)}`;
  if (one.begun_at_s !== null) return `began ${instant(one.begun_at_s)}`;
  if (["skipped", "stopped", "done"].includes(one.status)) return "";
  if (one.on_word) return "on the facilitator's word";
  return known(one.due_in_s) ? (one.due_in_s > 0 ? `due in ${instant(one.due_in_s)}` : "due") : "";
}

function facts(one) {
  const reaches = one.kind === "message" ? "" : one.blast_radius;
  return [
    ["message", one.message], ["hypothesis", one.hypothesis], ["blast radius", reaches], ["expected of people", one.expected], ["told", one.told.join(", ")],
  ].filter(([, text]) => text);
}

// Whoever does not hold the clock may look elsewhere when something is told: the newest stands on top, and is read aloud by a screen reader.
function showNewest(told) {
  const heard = allowed("go") ? [] : told.injects.filter((one) => one.message && one.begun_at_s !== null);
  const newest = heard.sort((one, other) => one.begun_at_s - other.begun_at_s).at(-1);
  write(byId("newest"), newest ? `${instant(newest.begun_at_s)} ${newest.title}: ${newest.message}` : "");
}

const HOLDS = (one) => (one.holds === null ? ["doubt", "not known"] : one.holds ? ["good", "holds"] : ["bad", "does not hold"]);

function updateCard(node, one) {
  const [line, told, conditions, why, buttons, runbook] = node.children;
  node.dataset.inject = one.id;
  node.dataset.status = one.status;
  write(line.children[0], one.title || one.id);
  write(line.children[1], one.hidden ? `${STATUS[one.status]}, hidden` : STATUS[one.status]);
  write(line.children[2], [one.kind, due(one)].filter(Boolean).join(", "));
  fill(told, facts(one), () => element("div", {}, element("dt"), element("dd")), (row, [name, text]) => {
    write(row.firstChild, name);
    write(row.lastChild, text);
  });
  fill(conditions, one.conditions, parted("b", "em", "span"), (row, condition) => {
    const [kind, word] = HOLDS(condition);
    name_(row, kind);
    write(row.children[0], condition.text);
    write(row.children[1], ` ${word} `);
    write(row.children[2], condition.why);
  });
  write(why, one.why);
  showButtons(buttons, one);
  showRunbook(runbook, one);
}

function showButtons(host, one) {
  const open = ["planned", "next", "waiting", "held"].includes(one.status);
  const actions = [
    ...(open ? ["go", "now", "skip"] : []),
    ...(one.hidden ? ["reveal"] : []),
  ].filter(allowed);
  const key = actions.join(" ");
  if (host.dataset.key === key) return;
  host.dataset.key = key;
  host.replaceChildren(...actions.map((action) => {
    const made = button(action, WORDS[action], { "aria-label": `${WORDS[action]}: ${one.title || one.id}` });
    made.addEventListener("click", () => press(action, one.id));
    return made;
  }));
}

function showRunbook(host, one) {
  host.hidden = !one.runbook;
  if (!one.runbook) return;
  const { name, steps } = one.runbook, done = steps.filter((step) => step.done_at_s !== null).length;
  write(host.firstChild, `Runbook ${name}: ${done} of ${steps.length} steps`);
  const make = () => {
    const made = element("li", {}, element("button", { type: "button", role: "checkbox" }), element("span"), element("time"));
    made.firstChild.addEventListener("click", () => made.firstChild.getAttribute("aria-checked") === "true" || press("tick", made.dataset.inject, +made.dataset.step));
    return made;
  };
  fill(host.lastChild, steps, make, (row, step) => {
    row.dataset.inject = one.id;
    row.dataset.step = step.index;
    const checked = step.done_at_s !== null;
    row.firstChild.setAttribute("aria-checked", String(checked));
    row.firstChild.setAttribute("aria-label", step.text);
    row.firstChild.disabled = !allowed("tick");
    write(row.firstChild, checked ? "✓" : " ");
    write(row.children[1], ` ${step.text} `);
    write(row.children[2], checked ? instant(step.done_at_s) : "");
  });
}

// -- marks and notes --------------------------------------------------------------------------------------------------------------------------

function showMarks(told) {
  const corrected = new Map(told.marks.flatMap((one, at) => (one.corrects === null ? [] : [[one.corrects, at]])));
  const rows = told.marks.map((one, at) => ({ ...one, at, again: corrected.get(at) })).reverse();
  const make = () => {
    const made = element("li", {}, element("time"), element("b"), element("span"), element("button", { type: "button", class: "quiet" }, "Correct"));
    made.lastChild.addEventListener("click", () => openCorrection(+made.dataset.at));
    return made;
  };
  fill(byId("marked"), rows, make, (row, one) => {
    row.dataset.at = one.at;
    name_(row, one.again === undefined ? "" : "past");
    write(row.children[0], instant(one.at_s));
    write(row.children[1], `${WORDS[one.mark]} `);
    const of = one.corrects === null ? "" : `, corrects mark ${one.corrects + 1}`;
    write(row.children[2], `${one.inject ?? "the incident"}, by ${one.by}${of}${one.again === undefined ? "" : ", corrected"} `);
    row.lastChild.hidden = !allowed("correct");
    row.lastChild.setAttribute("aria-label", `Correct mark ${one.at + 1}, ${WORDS[one.mark]}`);
  });
}

let correcting = null;
function openCorrection(at) {
  const one = state.picture.gameday.marks[at];
  correcting = at;
  byId("correction").hidden = false;
  write(byId("correction-title"), `Correct mark ${at + 1}`);
  byId("correct-at").value = one.at_s.toFixed(0);
  byId("correct-mark").value = one.mark;
  byId("correct-at").focus();
}

function closeCorrection() {
  byId("correction").hidden = true;
  correcting = null;
}

function showNotes(told) {
  fill(byId("noted"), [...told.notes].reverse(), parted("time", "b", "span", "em"), (row, one) => {
    write(row.children[0], instant(one.at_s));
    write(row.children[1], `${one.by} `);
    write(row.children[2], one.text);
    write(row.children[3], one.photo ? ` photo: ${one.photo}` : "");
  });
}

// -- all of it --------------------------------------------------------------------------------------------------------------------------------

function showDay(picture) {
  const told = picture.gameday;
  day.hidden = !told && !picture.held;
  live.classList.toggle("held", !day.hidden);
  if (!told) {
    write(byId("day-clock"), "begins with the load");
    return;
  }
  write(byId("day-clock"), `${clockText(told)}${told.rehearsal ? "; a dress rehearsal: nothing is broken" : ""}${told.stopping ? "; stopping and healing" : ""}`);
  day.dataset.clock = told.clock.state;
  const next = atOnce(), rest = told.injects.filter((one) => one !== next);
  fill(byId("next-card"), next ? [next] : [], makeCard, updateCard);
  write(byId("next-none"), next ? "" : allowed("go") ? "No inject is left." : told.injects.length ? "" : "Nothing has been told yet.");
  fill(byId("other-cards"), rest, makeCard, updateCard);
  byId("other-cards").parentElement.hidden = rest.length === 0;
  write(byId("others-title"), `${next ? "Other injects" : "Injects"}: ${rest.length}`);
  // Whoever holds no clock presses marks: on a narrow screen they come before the cards.
  day.classList.toggle("marks-first", allowed("mark") && !allowed("go"));
  const paused = told.clock.state === "paused", over = told.clock.state === "ended" || picture.stage === "over";
  for (const one of all("[data-press]", day)) one.hidden = !allowed(one.dataset.press);
  byId("hold").hidden = !allowed("hold") || paused;
  byId("resume").hidden = !allowed("resume") || !paused;
  for (const one of all("button", day)) if (over) one.disabled = true;
  byId("acting").hidden = told.may.length === 0;
  showNewest(told);
  showIncidents(told);
  showMarks(told);
  showNotes(told);
  showAnswers(told);
}

function showIncidents(told) {
  const select = byId("incident"), options = [["", "the latest incident"], ...told.injects.filter((one) => one.begun_at_s !== null).map((one) => [one.id, one.title || one.id])];
  const key = JSON.stringify(options);
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  select.value = options.some(([value]) => value === before) ? before : "";
}

const mark_of = (word) => press("mark", byId("incident").value || null, word);
for (const one of all("button[data-mark]")) one.addEventListener("click", () => mark_of(one.dataset.mark));
byId("hold").addEventListener("click", () => press("hold"));
byId("resume").addEventListener("click", () => press("resume"));

// Stop and heal asks once more: it ends the game day. The second press may come from a key as well.
let surely = 0;
const stopper = byId("stop-and-heal");
stopper.addEventListener("click", () => {
  if (performance.now() < surely) {
    surely = 0;
    write(stopper, WORDS["stop-and-heal"]);
    press("stop-and-heal");
    return;
  }
  surely = performance.now() + SURELY_MS;
  write(stopper, "Press again to stop and heal");
  setTimeout(() => performance.now() >= surely && write(stopper, WORDS["stop-and-heal"]), SURELY_MS + 50);
});

byId("note-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("note").value.trim(), photo = byId("photo").value.trim() || null;
  if (text && (await press("note", null, { text, photo }))) byId("note").value = byId("photo").value = "";
});
byId("correction").addEventListener("submit", async (event) => {
  event.preventDefault();
  const value = { index: correcting, at_s: Number(byId("correct-at").value), mark: byId("correct-mark").value };
  if (correcting !== null && (await press("correct", null, value))) closeCorrection();
});
byId("correct-cancel").addEventListener("click", closeCorrection);

// Single keys, where nobody writes, and only while they are switched on.
const keys = byId("keys");
keys.checked = stored("closeshave-keys") !== "off";
keys.addEventListener("change", () => stored("closeshave-keys", keys.checked ? "on" : "off"));
document.addEventListener("keydown", (event) => {
  if (!keys.checked || day.hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const told = state.picture?.gameday, mark = MARKS[+event.key - 1], action = KEYS[event.key.toLowerCase()];
  if (!told || (!mark && !action)) return;
  event.preventDefault();
  if (mark) allowed("mark") && mark_of(mark);
  else if (action === "hold") allowed("hold") && press(told.clock.state === "paused" ? "resume" : "hold");
  else if (allowed(action) && atOnce()) press(action, atOnce().id);
});
