"use strict";
// A crosshair over the time charts. The page says everything without it, so where scripts are forbidden only this is missing.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = [...document.querySelectorAll("svg.time")];
  const readout = document.getElementById("readout");
  let at = 0;

  const number = (value) => (value === null || value === undefined ? "none" : value >= 100 ? value.toFixed(0) : String(+value.toFixed(1)));
  const time = (ms) => {
    if (ms === null || ms === undefined) return "none";
    return ms >= 1000 ? `${+(ms / 1000).toFixed(1)} s` : `${ms >= 100 ? ms.toFixed(0) : +ms.toFixed(1)} ms`;
  };
  const within = (part) => part.from <= at && at < part.to;

  function element(name, text) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function rows(entries) {
    const table = element("table");
    for (const cells of entries) {
      const row = table.insertRow();
      for (const cell of cells) row.insertCell().textContent = cell;
    }
    return table;
  }

  function fill(chart) {
    const bin = Math.max(0, Math.min(data.offered.length - 1, Math.floor(at / data.bin_s)));
    const phase = data.phases.find(within);
    readout.replaceChildren(element("b", `${(bin * data.bin_s).toFixed(0)} s${phase ? `, ${phase.name}` : ""}`));
    for (const fault of data.faults.filter(within)) readout.append(element("em", fault.name));
    for (const signal of data.signals) if (Math.floor(signal.at / data.bin_s) === bin) readout.append(element("em", signal.text));
    if (chart.id === "shards") {
      readout.append(rows([["", "not good/s", "p95"], ...data.shards.map((one) => [`shard ${one.shard}`, number(one.bad[bin]), time(one.p95[bin])])]));
    } else {
      readout.append(
        rows([
          ["offered/s", number(data.offered[bin])],
          ["answered well/s", number(data.completed[bin])],
          ["not good/s", number(data.bad[bin])],
          ["p50", time(data.p50[bin])],
          ["p95", time(data.p95[bin])],
          ["p99", time(data.p99[bin])],
          ...(data.cpu ? [["processors in use", data.cpu[bin] === null ? "unknown" : `${data.cpu[bin].toFixed(0)} %`]] : []),
        ])
      );
    }
  }

  function show(chart) {
    const left = +chart.dataset.left, right = +chart.dataset.right;
    const x = left + ((right - left) * at) / data.span_s;
    for (const one of charts) {
      const cross = one.querySelector(".cross");
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      cross.style.visibility = "visible";
    }
    fill(chart);
    readout.hidden = false;
    const box = chart.getBoundingClientRect();
    const px = box.left + (x / +chart.dataset.width) * box.width;
    const beside = px + 16 + readout.offsetWidth > window.innerWidth ? px - 16 - readout.offsetWidth : px + 16;
    readout.style.left = `${Math.max(4, beside)}px`;
    readout.style.top = `${Math.max(8, Math.min(window.innerHeight - readout.offsetHeight - 8, box.top + 40))}px`;
  }

  function hide() {
    readout.hidden = true;
    for (const one of charts) one.querySelector(".cross").style.visibility = "hidden";
  }

  for (const chart of charts) {
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const left = +chart.dataset.left, right = +chart.dataset.right;
      const x = ((event.clientX - box.left) / box.width) * +chart.dataset.width;
      at = Math.max(0, Math.min(data.span_s, ((x - left) / (right - left)) * data.span_s));
      show(chart);
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -data.bin_s, ArrowRight: data.bin_s }[event.key];
      if (event.key === "Escape") hide();
      if (step === undefined) return;
      event.preventDefault();
      at = Math.max(0, Math.min(data.span_s - data.bin_s, at + step * (event.shiftKey ? 10 : 1)));
      show(chart);
    });
  }
})();
