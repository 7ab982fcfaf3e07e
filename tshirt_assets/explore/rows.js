// The table: DataTables with Scroller, which asks for the rows that come into sight.

import DataTable from "./dt_bundle.js";
import * as ask from "./ask.js";
import { $, el, number, toast, whole } from "./dom.js";

const VERDICTS = { keep: ["✓", "kept"], drop: ["✕", "dropped"] };
const SHORT = { n_response_tokens: "Tokens" };
const WIDTHS = { verdict: 30, instruction: 300, response: 210, domain: 100, shard: 110, recipe: 98, num: 88 };
const ROOMY = 1300; // pixels of the table from which on it shows responses unasked
const FIRST = ["n_response_tokens", "ifd", "s_ifd_mean", "s_ifd_std", "miwv"]; // shown unasked

export class Rows {
  constructor({ query, opened, moved, answered }) {
    Object.assign(this, { query, opened, moved, answered });
    this.cursor = -1; // place of the row that the keyboard is at, in the order of the table
    this.total = 0;
  }

  // Build the table for the columns of the corpus; again where those have changed.
  show(corpus) {
    const columns = this.#columns(corpus);
    const shape = JSON.stringify(columns.map(({ name, title }) => [name, title]));
    if (shape === this.shape) return;
    this.shape = shape;
    this.columns = columns;
    const order = this.table?.order();
    this.table?.destroy();
    $("#rows").replaceChildren();
    this.table = new DataTable("#rows", {
      serverSide: true,
      ajax: (asked, callback) => this.#fetch(asked, callback),
      columns,
      columnDefs: [{ targets: "_all", orderSequence: ["desc", "asc", ""] }],
      order: order?.every(([column]) => column < columns.length) ? order : [],
      autoWidth: false,
      scrollX: true,
      scrollY: 400,
      scroller: { displayBuffer: 4, loadingIndicator: false, serverWait: 40 },
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      language: { emptyTable: " ", zeroRecords: " ", loadingRecords: " ", processing: "" },
      createdRow: (line, row) => this.#wire(line, row),
      drawCallback: () => this.#marked(),
    });
    this.#chooser();
    this.fit();
  }

  #columns(corpus) {
    const text = (name, title, extra = {}) => ({ name, title, data: name, className: `words ${name}`, orderable: false, render: (value) => el("span", { dir: "auto" }, value ?? ""), ...extra });
    const columns = [
      { name: "verdict", title: "", data: "verdict", className: "verdict", render: (value) => el("span", { title: VERDICTS[value]?.[1] ?? "", class: value ?? "" }, VERDICTS[value]?.[0] ?? "") },
      text("instruction", "Instruction", { render: (value, kind, row) => this.#instruction(value, row) }),
      text("response", "Response", { visible: $("main").clientWidth > ROOMY }),
    ];
    if (corpus.facets.domain.some(([value]) => value !== null)) columns.push(text("domain", "Domain", { orderable: true, className: "domain" }));
    if (corpus.facets.shard.length > 1) columns.push(text("shard", "Shard", { orderable: true, className: "shard", visible: false }));
    for (const { name, label, note, known } of corpus.columns) {
      if (known) columns.push({ name, title: SHORT[name] ?? label, data: name, className: "num", visible: FIRST.includes(name), render: (value) => el("span", {}, number(value)), note });
    }
    for (const recipe of corpus.scored ? corpus.recipes : []) {
      if (!recipe.ready) continue;
      columns.push({ name: `recipe:${recipe.name}:rank`, title: recipe.name, data: null, defaultContent: "", className: "num recipe", note: `Place in ${recipe.name}; bold: taken. ${recipe.meaning}`, orderSequence: ["asc", "desc", ""], render: (value, kind, row) => this.#rank(recipe.name, row) });
    }
    return columns;
  }

  #instruction(value, row) {
    const parts = [];
    if (row.status !== "ok") parts.push(el("b", { class: "status" }, row.status.replaceAll("_", " ")));
    if (row.label) parts.push(el("b", { class: "label", dir: "auto" }, row.label));
    if (row.similar !== null && row.similar !== undefined) parts.push(el("b", { class: "similar", title: "Similarity to what is searched for" }, number(row.similar)));
    return el("span", { dir: "auto" }, ...parts, value || el("i", { class: "muted" }, "no instruction"));
  }

  #rank(recipe, row) {
    const [rank, taken, why] = ["rank", "taken", "why"].map((part) => row[`recipe:${recipe}:${part}`]);
    return el("span", { class: taken ? "taken" : "left", title: taken ? `taken, place ${whole(rank)}` : `left: ${why}` }, rank === null ? "–" : whole(rank));
  }

  async #fetch(asked, callback) {
    const [order] = asked.order ?? [];
    const sort = order && order.dir ? { sort: this.columns[order.column].name, descending: order.dir === "desc" } : {};
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const found = await ask.rows({ ...this.query(), ...sort, start: asked.start, length: Math.min(Math.max(asked.length, 1), 500) }, this.asking.signal);
      this.total = found.filtered;
      callback({ draw: asked.draw, recordsTotal: found.total, recordsFiltered: found.filtered, data: found.rows });
      this.answered(found);
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message);
    }
  }

  #wire(line, row) {
    line.dataset.id = row.sample_id;
    const opened = () => {
      this.#at(this.#place(line));
      this.opened(row);
    };
    line.addEventListener("click", opened);
    line.addEventListener("pointerdown", ({ button }) => { this.pressed = button === 0 ? line : null; });
    line.addEventListener("pointerup", () => {
      const { pressed } = this;
      this.pressed = null;
      // The line was drawn anew under the pointer: the browser makes no click of that.
      if (pressed && !pressed.isConnected && pressed.dataset.id === row.sample_id) opened();
    });
    line.addEventListener("pointerenter", () => this.moved(row));
  }

  #place(line) {
    return this.table.page.info().start + this.table.row(line).index();
  }

  // Ask again: for another filter from the first row on, else where the table stands.
  reload({ anew = true } = {}) {
    if (anew) {
      this.cursor = -1;
      $(".dt-scroll-body")?.scrollTo({ top: 0 });
    }
    this.table?.ajax.reload(null, anew);
  }

  // As stored, or the most similar first: no column decides.
  unsort() {
    this.table?.order([]);
  }

  move(by) {
    if (!this.total) return;
    const far = by === Infinity ? this.total - 1 : by === -Infinity ? 0 : this.cursor + by;
    this.#at(Math.min(Math.max(far, 0), this.total - 1));
    const body = $(".dt-scroll-body");
    const line = this.#line(this.cursor);
    const [top, bottom] = [body.getBoundingClientRect().top, body.getBoundingClientRect().bottom];
    const box = line?.getBoundingClientRect();
    if (!box || box.top < top || box.bottom > bottom) {
      const middle = Math.max(0, this.cursor - Math.floor((bottom - top) / (box?.height ?? 30) / 2));
      this.table.scroller.toPosition(middle, false);
    }
  }

  #at(place) {
    this.cursor = place;
    this.#marked();
  }

  #line(place) {
    return this.table.row(place - this.table.page.info().start).node();
  }

  #marked() {
    if (!this.table) return;
    for (const line of document.querySelectorAll("#rows tbody tr.at")) line.classList.remove("at");
    const line = this.cursor >= 0 ? this.#line(this.cursor) : null;
    line?.classList.add("at");
    if (line) this.moved(this.table.row(line).data());
  }

  // The row that the keyboard is at, if the table has it.
  current() {
    const line = this.cursor >= 0 ? this.#line(this.cursor) : null;
    return line ? this.table.row(line).data() : null;
  }

  hover(at) {
    for (const line of document.querySelectorAll("#rows tbody tr")) {
      line.classList.toggle("near", at !== null && this.table.row(line).data()?.at === at);
    }
  }

  // Columns of numbers have one width; texts share the rest, and below a measure the table scrolls.
  fit() {
    const body = $(".dt-scroll-body");
    if (!body) return;
    const needed = this.columns.reduce((sum, { className }, index) =>
      sum + (this.table.column(index).visible() ? WIDTHS[className.split(" ").at(-1)] : 0), 0);
    $("main").style.setProperty("--needed", `${needed}px`);
    const head = $(".dt-scroll-head").offsetHeight;
    const room = $("main").clientHeight - $("#chips").offsetHeight - head - 1;
    body.style.height = body.style.maxHeight = `${Math.max(room, 120)}px`;
    this.table.scroller.measure(false);
  }

  #chooser() {
    for (const [index, { note }] of this.columns.entries()) {
      const head = this.table.column(index).header();
      if (note) head.title = note;
    }
    const lines = this.columns.map(({ title, name }, index) => name !== "verdict" && el("label", {}, el("input", { type: "checkbox", checked: this.table.column(index).visible(), onchange: (event) => { this.table.column(index).visible(event.target.checked); this.fit(); } }), title));
    $("#columns .sheet").replaceChildren(...lines.filter(Boolean));
  }
}
