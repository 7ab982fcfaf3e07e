// The page: puts filters, plot, table and panel together, and listens to keys and the address.

import * as ask from "./ask.js";
import { $, later, toast, whole } from "./dom.js";
import { Filters } from "./filters.js";
import { Panel } from "./panel.js";
import { Plot } from "./plot.js";
import { Rows } from "./rows.js";

const POLL = 1500; // milliseconds between two looks at what is being made

const filters = new Filters(() => asked());
const rows = new Rows({
  query: () => filters.query(),
  opened: (row) => address(row),
  moved: (row) => plot.point(row),
  answered: (found) => answered(found),
});
const plot = new Plot({
  brushed: (brush) => {
    filters.brush = brush;
    if (!brush) plot.clear();
    filters.chips();
    asked();
  },
  opened: (at) => ask.place(at).then(({ sample_id }) => address({ sample_id, at })).catch((error) => toast(error.message)),
  hovered: (at) => rows.hover(at),
});
const panel = new Panel({
  closed: () => {
    if (location.hash) history.replaceState(null, "", location.pathname);
    $("#rows").focus({ preventScroll: true });
  },
  judged: () => refresh(),
});
let corpus;
let opening = null; // the row that the address is about to name

// The filter has changed: the table from its first row on, and the marks in the plot.
function asked() {
  if (!corpus) return;
  if (!filters.brush && plot.brush) plot.clear();
  rows.fit();
  rows.reload();
  plot.mark(filters.query()).catch((error) => toast(error.message));
}

function address(row) {
  const hash = `#row=${row.sample_id}`;
  if (location.hash === hash) panel.open(row.sample_id, row.at);
  else {
    opening = row;
    location.hash = hash;
  }
}

function followAddress() {
  const id = /^#row=([0-9a-f]+)$/.exec(location.hash)?.[1];
  const at = opening?.sample_id === id ? opening?.at : undefined;
  opening = null;
  if (id) panel.open(id, at).then((row) => row && plot.point({ ...row.scores, ...row.place }));
  else if (panel.isOpen) panel.close();
}

function answered(found) {
  const of = found.filtered === found.total ? "" : ` of ${whole(found.total)}`;
  $("#count").textContent = `${whole(found.filtered)}${of} ${found.total === 1 ? "row" : "rows"}`;
  const searching = found.complete === false;
  const working = $("#working");
  working.hidden = !(searching || found.working);
  working.textContent = searching ? `searched ${whole(found.searched)} rows` : "selecting recipes";
  if (found.fault) toast(found.fault);
  const nothing = $("#nothing");
  nothing.hidden = found.filtered > 0;
  nothing.textContent = found.total === 0
    ? "No row has been read yet. `tshirt-assets run` reads and scores the corpus."
    : searching ? "No hit yet." : "No row meets all of these filters.";
  if (searching) again();
  else if (found.version !== corpus.version) soon();
}

const again = later(500, () => {
  rows.reload({ anew: false });
  plot.mark(filters.query()).catch((error) => toast(error.message));
});
const soon = later(POLL, () => refresh());

// Look at the corpus anew: other tabs may have judged, a run may have scored.
async function refresh() {
  try {
    const before = corpus?.version;
    corpus = await ask.corpus();
    panel.labels = Object.fromEntries(corpus.columns.map(({ name, label }) => [name, label]));
    $("#search [value=meaning]").disabled = !corpus.searchable;
    $("#search .switch").title = corpus.searchable ? "" : "Search by meaning needs semantic_search: true";
    if (corpus.working) soon();
    if (before === corpus.version && corpus.working === refresh.working) return;
    refresh.working = corpus.working;
    filters.show(corpus);
    const built = rows.shape;
    rows.show(corpus);
    if (built === rows.shape) rows.reload({ anew: false });
    await plot.show(corpus, filters.query());
    if (before !== corpus.version) panel.again();
  } catch (error) {
    if (!corpus) $("#nothing").textContent = error.message;
    else toast(error.message);
    soon();
  }
}

const typing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog");
const KEYS = {
  j: () => rows.move(1), ArrowDown: () => rows.move(1),
  k: () => rows.move(-1), ArrowUp: () => rows.move(-1),
  PageDown: () => rows.move(10), PageUp: () => rows.move(-10),
  Home: () => rows.move(-Infinity), End: () => rows.move(Infinity),
  y: () => panel.judge({ verdict: "keep" }), d: () => panel.judge({ verdict: "drop" }), x: () => panel.judge({ verdict: null }),
  w: () => panel.turnWide(),
  l: () => $(".judging [name=label]")?.focus(), n: () => $(".judging [name=note]")?.focus(),
  "/": () => $("#words").focus(), "?": () => $("#keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return escape(event);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "Enter" && !event.target.closest("button, a, summary, label, th")) {
    const row = rows.current();
    if (row) address(row);
    return;
  }
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
  if (panel.isOpen && ["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) follow();
});
const follow = later(80, () => { const row = rows.current(); if (row) address(row); });

function escape(event) {
  if ($("#keys").open) return;
  if (typing(event.target)) event.target.blur();
  else if (panel.isOpen) panel.close();
  else if (document.body.classList.contains("rail")) rail(false);
  else if (filters.brush) plot.brushed(null);
}

function rail(open) {
  document.body.classList.toggle("rail", open);
  $("#rail-button").setAttribute("aria-expanded", String(open));
  if (open) plot.draw();
}

const search = later(300, () => {
  if (!corpus) return search(); // what is typed while the tables are read is searched for then
  filters.words = $("#words").value.trim();
  filters.by = $("#search [name=by]:checked").value;
  if (filters.by === "meaning" && filters.words) rows.unsort();
  filters.chips();
  asked();
});
$("#search").addEventListener("submit", (event) => event.preventDefault());
$("#words").addEventListener("input", search);
for (const choice of document.querySelectorAll("#search [name=by]")) choice.addEventListener("change", search);
$("#rail-button").addEventListener("click", () => rail(!document.body.classList.contains("rail")));
$("#keys-button").addEventListener("click", () => $("#keys").showModal());
addEventListener("hashchange", followAddress);
new ResizeObserver(later(100, () => rows.fit())).observe($("main"));
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("click", (event) => {
  const menu = $("#columns");
  if (menu.open && !menu.contains(event.target)) menu.open = false;
});

refresh().then(followAddress);
