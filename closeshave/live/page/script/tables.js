// Everything that is not drawn: figures, lists, states. Whatever a platform, a plan or a person wrote is text here, and nothing else.
const item = () => element("li");
const parted = (...names) => () => element("li", {}, ...names.map((name) => element(name)));

function figure(name, value, warn = false) {
  return { name, value, warn };
}

function showFigures(picture) {
  const reading = picture.reading, all = reading?.all;
  const burnt = picture.budget.burnt;
  const values = [
    figure("offered", perSecond(reading?.offered_per_s)),
    figure("completed", perSecond(all?.completed_per_s)),
    figure("response time p50", duration(all?.p50_ms)),
    figure("response time p95", duration(all?.p95_ms)),
    figure("response time p99", duration(all?.p99_ms)),
    figure("answers not good", share(all?.bad_share), all?.bad_share > 0.01),
    figure("bookings", count(all?.bookings)),
    figure("month's error budget burnt", share(burnt), known(burnt) && burnt > picture.budget.burnt_max / 2),
  ];
  fill(byId("figures"), values, () => element("div", {}, element("b"), element("span")), (node, one) => {
    name_(node, one.warn ? "warn" : "");
    write(node.firstChild, one.value);
    write(node.lastChild, one.name);
  });
  write(byId("window"), `Rates, times and shares are of the last ${picture.window_s} s, of customers only; bookings are of the whole run.`);
}

function showPlaces(picture) {
  const reading = picture.reading;
  const rows = !reading ? [] : [
    ["everything", reading.all, ""],
    ...reading.regions.map(([name, figures]) => [name, figures, "part"]),
    ...reading.shards.filter(([, figures]) => figures.bookings || known(figures.p50_ms)).map(([number, figures]) => [`shard ${number}`, figures, "part"]),
  ];
  const make = () => element("tr", {}, element("td"), ...Array.from({ length: 6 }, () => element("td", { class: "number" })));
  fill(byId("by-place"), rows, make, (row, [name, figures, kind]) => {
    name_(row, kind);
    const cells = [name, perSecond(figures.completed_per_s), duration(figures.p50_ms), duration(figures.p95_ms), duration(figures.p99_ms), share(figures.bad_share), count(figures.bookings)];
    cells.forEach((text, at) => write(row.children[at], text));
    row.children[5].classList.toggle("warn", figures.bad_share > 0.01);
  });
}

function showDisruptions(picture) {
  const values = picture.disruptions;
  fill(byId("disruptions"), values, parted("b", "span", "em"), (node, one) => {
    name_(node, one.in_effect ? "bad" : one.over ? "past" : "");
    node.id = `fault-${one.id}`;
    write(node.children[0], one.id);
    write(node.children[1], ` ${one.what} `);
    write(node.children[2], one.state);
  });
  byId("faults").querySelector(".empty").hidden = values.length > 0;
}

function showBudget({ budget }) {
  const told = known(budget.burnt) ? `${share(budget.burnt)} of the month's error budget is burnt; the trial stops itself at ${share(budget.burnt_max)}.` : `Not known: ${budget.why_unknown || "the load has not begun"}.`;
  write(byId("burnt"), told);
  const meter = byId("burning");
  meter.hidden = !known(budget.burnt);
  if (known(budget.burnt)) meter.value = Math.min(1, budget.burnt / budget.burnt_max);
}

const SURE = { broken: "bad", "none seen": "good", counted: "" };

function showIntegrity({ integrity }) {
  const update = (node, one) => {
    name_(node, SURE[one.known] ?? "");
    write(node.children[0], one.title);
    write(node.children[1], ` ${known(one.count) ? count(one.count) : one.known} `);
    write(node.children[2], one.detail);
  };
  const told = integrity.filter((one) => one.known !== "not known yet"), unknown = integrity.filter((one) => one.known === "not known yet");
  fill(byId("breaches"), told, parted("b", "em", "span"), update);
  fill(byId("unknown"), unknown, parted("b", "em", "span"), update);
  write(byId("unknown-title"), `Not known yet: ${unknown.length} kinds of breaches`);
}

function timed(node, at_s) {
  write(node, instant(at_s));
}

function showSignals(picture) {
  const none = picture.signals.length ? "" : picture.signals_unknown || "none yet";
  write(byId("signals-why"), none);
  fill(byId("signalled"), [...picture.signals].reverse(), parted("time", "b", "span"), (node, one) => {
    timed(node.children[0], one.at_s);
    write(node.children[1], `${one.kind} ${one.scope} `);
    write(node.children[2], `${one.detail} (${one.source})`);
  });
}

function showParts(picture) {
  byId("parts").hidden = !picture.inside;
  const parts = picture.parts;
  if (!parts) {
    write(byId("parts-sum"), picture.stage === "starting" ? "The environment starts." : "They run elsewhere and cannot be seen from here.");
    fill(byId("parts-down"), [], item, () => {});
    fill(byId("parts-all"), [], item, () => {});
    return;
  }
  const down = parts.filter((one) => !one.running);
  write(byId("parts-sum"), down.length ? `${parts.length - down.length} of ${parts.length} run` : `all ${parts.length} run`);
  fill(byId("parts-down"), down, parted("b", "span", "em"), (node, one) => {
    name_(node, "bad");
    write(node.children[0], one.name);
    write(node.children[1], ` ${one.role} `);
    write(node.children[2], one.state);
  });
  fill(byId("parts-all"), parts, item, (node, one) => {
    name_(node, one.running ? "" : "bad");
    write(node, one.running ? one.name : `${one.name}: ${one.state}`);
  });
}

function showGenerator(picture) {
  const judged = (one) => known(one.lateness_p99_ms) && known(one.lateness_max_ms);
  fill(byId("senders"), picture.senders, parted("b", "em", "span"), (node, one) => {
    const late = judged(one) && one.lateness_p99_ms > one.lateness_max_ms, silent = one.silent_s > 3 && picture.stage === "loaded";
    name_(node, silent ? "bad" : late ? "doubt" : "good");
    write(node.children[0], `${one.source === "canary" ? "canaries" : one.source} `);
    const how = silent ? `not heard of for ${one.silent_s.toFixed(0)} s` : late ? "sends too late: these seconds are not judged" : "on time";
    write(node.children[1], picture.stage === "loaded" ? how : "");
    const bound = known(one.lateness_max_ms) ? ` (at most ${duration(one.lateness_max_ms)})` : "";
    write(node.children[2], ` send lateness p50 ${duration(one.lateness_p50_ms)}, p99 ${duration(one.lateness_p99_ms)}${bound}; due ${count(one.intended)}, sent ${count(one.sent)}, recorded ${count(one.recorded)}`);
  });
  const used = picture.processors;
  const text = used && `Processors: ${share(used.busy)} busy; platform ${share(used.platform)}, load generator ${share(used.generator)}, rest of the harness ${share(used.harness)}, other programs ${share(used.others)}.`;
  write(byId("processors"), text || "");
}

function showTold(picture) {
  fill(byId("told"), [...picture.told].reverse(), parted("time", "b", "span"), (node, one) => {
    timed(node.children[0], one.at_s);
    write(node.children[1], one.fault ? `${one.fault} ` : "");
    write(node.children[2], one.text);
  });
}
