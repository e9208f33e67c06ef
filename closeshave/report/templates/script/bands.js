// What lies behind the curves of every chart over time: phases, faults, doubtful stretches, and the stretch that a link leads to.
// A single bad request among thousands is still a visible bar.
function visible(values) {
  const highest = Math.max(0, ...values.filter(known));
  return values.map((value) => (value > 0 ? Math.max(value, highest * 0.02) : null));
}

function hatch(ctx, name) {
  const tile = document.createElement("canvas"), size = 8 * devicePixelRatio;
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour(name);
  pen.lineWidth = 1.2 * devicePixelRatio;
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return ctx.createPattern(tile, "repeat");
}

function behind(u) {
  const { ctx, bbox } = u;
  const x = (at) => u.valToPos(at, "x", true);
  const fill = (from, to, style, alpha) => {
    ctx.globalAlpha = alpha;
    ctx.fillStyle = style;
    ctx.fillRect(x(from), bbox.top, Math.max(1, x(to) - x(from)), bbox.height);
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const one of data.phases) if (one.role === "warm-up") fill(one.from, one.to, colour("faint"), 1);
  for (const one of data.faults) {
    fill(one.from, one.to, colour("band"), 0.13);
    if (known(one.recovered)) fill(one.from, one.recovered, colour("hurt"), 0.17);
  }
  for (const one of data.doubts) fill(one.from, one.to, hatch(ctx, "doubt"), 0.55);
  ctx.restore();
}

function before(u) {
  if (!pointed) return;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const at of new Set([pointed.from, pointed.to])) {
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

const timeHooks = {
  drawClear: [behind],
  draw: [before],
  setScale: [(u, key) => key === "x" && show(u.scales.x.min, u.scales.x.max)],
};
