// Links that do more than jump: to a stretch of the timeline, to a fault's requests, and to what lies folded.
function unfold(target) {
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
}

function follow() {
  const target = location.hash && byId(location.hash.slice(1));
  if (!target) return;
  unfold(target);
  target.scrollIntoView();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  if (link.dataset.from !== undefined) point(+link.dataset.from, +link.dataset.to);
  if (link.dataset.fault !== undefined && table) {
    const at = data.requests.windows.findIndex((one) => one.fault === link.dataset.fault);
    if (at >= 0) byId("during").value = String(at);
    fillRequests();
  }
  // The same link twice changes no hash.
  if (link.hash === location.hash) follow();
});
addEventListener("hashchange", follow);
follow();
