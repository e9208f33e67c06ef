// The table of requests by operation, region and shard: sorted by any column, filtered, and summed over what is not split.
const MOST_ROWS = 20;
const COLUMNS = [
  { name: "operation", of: (row) => operationName(row[0]), text: true },
  { name: "region", of: (row) => regionName(row[1]), text: true },
  { name: "shard", of: (row) => row[2], show: (value) => (value < 0 ? "all" : String(value)) },
  { name: "count", of: (row) => row[3], show: count },
  { name: "not good", of: (row) => row[4], show: count },
  { name: "p50", of: (row) => row[5], show: duration },
  { name: "p95", of: (row) => row[6], show: duration },
  { name: "p99", of: (row) => row[7], show: duration },
  { name: "max", of: (row) => row[8], show: duration },
  { name: "exposure", of: (row) => row[9] ?? -1, show: (value) => (value < 0 ? "seen" : `≤ ${percent(value * 100)}`) },
];
const operationName = (at) => (at < 0 ? "all" : data.requests.operations[at]);
const regionName = (at) => (at < 0 ? "all" : data.requests.regions[at]);

const table = byId("by-operation");
const order = { column: 4, descending: true };
let everything = false;

function chosenRows() {
  const split = Object.fromEntries(all("input[data-split]").map((box) => [box.dataset.split, box.checked]));
  const region = chosen.region < 0 ? null : data.requests.regions.indexOf(data.parts.regions[chosen.region]);
  const shard = chosen.shard < 0 ? null : data.parts.shards[chosen.shard];
  const fits = (value, wanted, apart) => (wanted === null ? apart === value >= 0 : value === wanted);
  const words = byId("search").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const told = (row) => `${operationName(row[0])} ${regionName(row[1])} shard${row[2]} ${row[2]}`.toLowerCase();
  return data.requests.windows[+byId("during").value].rows.filter(
    (row) =>
      row[0] >= 0 === split.operation && fits(row[1], region, split.region) && fits(row[2], shard, split.shard) && words.every((word) => told(row).includes(word))
  );
}

function sorted(rows) {
  const { of, text } = COLUMNS[order.column];
  const compare = text ? (one, other) => of(one).localeCompare(of(other)) : (one, other) => of(one) - of(other);
  // The largest first among equals: it says the most.
  return rows.sort((one, other) => (order.descending ? compare(other, one) : compare(one, other)) || other[3] - one[3]);
}

function fillRequests() {
  if (!table) return;
  const rows = sorted(chosenRows());
  const shown = everything ? rows : rows.slice(0, MOST_ROWS);
  table.tBodies[0].replaceChildren(
    ...shown.map((row) =>
      element("tr", row[4] > 0 ? { class: "bad" } : {}, ...COLUMNS.map(({ of, show, text }) => element("td", text ? {} : { class: "number" }, show ? show(of(row)) : of(row))))
    )
  );
  byId("rows").textContent = rows.length ? `${shown.length} of ${rows.length} ${rows.length === 1 ? "row" : "rows"}.` : "No request fits.";
  byId("all-rows").hidden = shown.length === rows.length;
  all("th", table).forEach((head, at) => head.setAttribute("aria-sort", at !== order.column ? "none" : order.descending ? "descending" : "ascending"));
}

function buildRequests() {
  const heads = COLUMNS.map(({ name, text }, at) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      Object.assign(order, { column: at, descending: order.column === at ? !order.descending : !text });
      fillRequests();
    });
    return element("th", { scope: "col", ...(text ? {} : { class: "number" }) }, button);
  });
  table.tHead.rows[0].append(...heads);
  const during = byId("during");
  during.append(...data.requests.windows.map((one, at) => element("option", { value: String(at) }, one.name)));
  during.addEventListener("change", fillRequests);
  byId("search").addEventListener("input", fillRequests);
  all("input[data-split]").forEach((box) => box.addEventListener("change", fillRequests));
  byId("all-rows").addEventListener("click", () => {
    everything = true;
    fillRequests();
  });
  fillRequests();
}

if (table) buildRequests();
