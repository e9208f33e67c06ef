// Asks for the next picture again and again. Each answer waits on the server until there is one.
const STAGES = { starting: "starting", loaded: "live", ending: "ending", over: "ended", lost: "no answer", refused: "refused", none: "connecting" };
const LOST_S = 4, RETRY_MS = 1000, ANSWER_MS = 25000;
let asking = null;
let refusal = "";

function stage() {
  if (refusal) return "refused";
  if (state.picture?.stage === "over") return "over";
  if (!state.picture) return "none";
  return (performance.now() - state.received) / 1000 > LOST_S ? "lost" : state.picture.stage;
}

function news(now) {
  const { picture } = state, at = picture ? ofDay(picture.wall_s) : "";
  const ended = picture?.verdict ? `The trial is over: ${picture.verdict}.` : "The trial has ended, without a verdict that could be read here.";
  return {
    refused: refusal,
    over: `${ended} This is its last state, of ${at}; the server of this page has ended.`,
    lost: `No answer since ${at}: what is shown is that old. The trial goes on without this page. Shown again by: closeshave live`,
    none: "",
    starting: "The environment starts; the load has not begun.",
    ending: "The load is over. Faults are healed, evidence is saved and judged.",
    loaded: picture?.read_share !== null && picture?.read_share !== undefined ? `Reading what was recorded before: ${share(picture.read_share)}.` : picture?.trouble ? `Not everything could be read: ${picture.trouble}` : "",
  }[now];
}

function showStage() {
  const now = stage(), { picture } = state;
  live.dataset.stage = now;
  write(byId("stage"), STAGES[now]);
  write(byId("news"), news(now));
  if (!picture) return;
  const { about } = picture;
  if (about) {
    write(byId("title"), about.plan);
    write(byId("about"), `${about.environment}, ${about.evidence}; target ${about.target}${about.run ? `; run ${about.run}` : ""}; you are: ${state.role}`);
    document.title = `${STAGES[now]}: ${about.plan}`;
  }
  const where = picture.phases.length ? `${picture.phase || "after the load"}, ${instant(Math.max(0, picture.now_s))} of ${instant(picture.total_s)}` : "before the load";
  write(byId("clock"), `${where}; ${ofDay(picture.wall_s)}`);
  byId("progress").value = picture.total_s ? Math.min(1, Math.max(0, picture.now_s / picture.total_s)) : 0;
}

function showAll() {
  const { picture } = state;
  for (const part of [showStage, showFigures, showPlaces, showDisruptions, showBudget, showIntegrity, showSignals, showParts, showGenerator, showTold, showDay]) part(picture);
  all("ol.newest").forEach(reachable);
  follow();
  fillPlaces();
  showStrip(picture);
  drawCharts();
  say();
}

function query(fresh) {
  const { series, picture } = state;
  const recent = ["900", "300", "60"].includes(chosen.span);
  const asked = new URLSearchParams({ after: fresh || !picture ? 0 : picture.version, span: recent ? "recent" : "whole" });
  if (series) {
    asked.set("width", series.width_s);
    asked.set("from", Math.max(0, series.first + series.offered.length - AGAIN));
  }
  return asked;
}

async function ask(fresh) {
  asking = new AbortController();
  const late = setTimeout(() => asking.abort("late"), ANSWER_MS);
  try {
    const answer = await fetch(`/live?${query(fresh)}`, {
      headers: { authorization: `Bearer ${token}` }, cache: "no-store", credentials: "omit", signal: asking.signal,
    });
    if (answer.status === 401) {
      refusal = "This link is of another run, or is no longer valid.";
      return;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const told = await answer.json();
    state.picture = told.picture;
    state.role = told.picture.role;
    state.received = performance.now();
    keepSeries(told.series);
    showAll();
  } finally {
    clearTimeout(late);
  }
}

// Another stretch is wanted: not only with the next picture.
let wanted = false;
function askAgain() {
  wanted = true;
  asking?.abort("again");
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function goOn() {
  while (!refusal && state.picture?.stage !== "over") {
    const fresh = wanted;
    wanted = false;
    try {
      await ask(fresh);
    } catch {
      if (!wanted) await pause(RETRY_MS);
    }
  }
  showStage();
}

setInterval(showStage, 1000);
goOn();
