// The panel of an open row: texts, colours, neighbour, recipes, and what people say of it.

import * as ask from "./ask.js";
import { $, el, number, toast, whole } from "./dom.js";

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text) => capital(text).replaceAll("_", " ");
const ROLES = { user: "Instruction", assistant: "Response", system: "System", tool: "Tool", input: "Input" };

const ROOMY = 1700; // pixels of the window from which on the panel is wide unasked
const KEPT = "explore-panel"; // what was chosen, in the browser

export class Panel {
  constructor({ closed, judged }) {
    Object.assign(this, { closed, judged });
    this.panel = $("#panel");
    this.row = null;
    this.#widen(kept() ? kept() === "wide" : innerWidth >= ROOMY);
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  async open(id, at, whole = this.row?.sample_id === id && this.whole) {
    const asked = (this.asked = { id, at, whole });
    const waiting = setTimeout(() => this.asked === asked && this.#wait(), 150);
    let row;
    try {
      row = await ask.row(id, at, whole);
    } catch (error) {
      if (this.asked !== asked) return null;
      toast(error.message);
      if (!this.row && this.isOpen) this.close();
      this.asked = this.row && { id: this.row.sample_id, at: this.row.at, whole: this.whole };
      return null;
    } finally {
      clearTimeout(waiting);
    }
    if (this.asked !== asked) return null; // another one was opened meanwhile, or this one again
    const same = this.row?.sample_id === id;
    Object.assign(this, { row, whole });
    this.#draw(same);
    this.panel.hidden = false;
    document.body.classList.add("opened");
    if (!same) this.panel.scrollTop = 0;
    return row;
  }

  // Ask again for the row that is open or about to be: what is known of it has changed.
  again() {
    if (this.asked) this.open(this.asked.id, this.asked.at, this.asked.whole);
  }

  // Where a row takes long, the panel opens without it: the first one waits for a tokenizer.
  #wait() {
    if (this.isOpen) return;
    this.panel.replaceChildren(el("p", { class: "empty waiting" }, "Opening the row …"));
    this.panel.hidden = false;
    document.body.classList.add("opened");
  }

  close() {
    this.asked = this.row = null;
    this.panel.hidden = true;
    document.body.classList.remove("opened");
    this.closed();
  }

  // Room for the neighbour beside the row, or for the table.
  turnWide() {
    this.#widen(!this.wide);
    keep(this.wide ? "wide" : "narrow");
  }

  #widen(wide) {
    this.wide = wide;
    document.body.classList.toggle("wide", wide);
    const button = $(".wider", this.panel);
    if (button) button.textContent = this.#width();
  }

  #width() {
    return this.wide ? "Narrower" : "Wider";
  }

  // The same row again, with what changed: the fields stay, somebody may be writing in them.
  #draw(same) {
    const { row } = this;
    const parts = [];
    if (row.status !== "ok") parts.push(el("p", { class: "fault" }, el("b", {}, sentence(row.status)), ` ${row.explanation}${row.detail ? ` ${sentence(row.detail)}.` : ""}`));
    parts.push(this.#scores());
    const turns = row.turns.map((turn, index) => this.#turn(turn, index === row.turns.length - 1));
    if (!turns.length) turns.push(el("p", { class: "muted" }, "There is no text that could be read."));
    parts.push(el("div", { class: "beside" }, el("div", {}, turns, this.#decisions()), this.#neighbour()));
    if (row.extra.text) parts.push(this.#section("Other fields", this.#text(row.extra, "extra")));
    parts.push(el("p", { class: "where" }, `${row.shard} · row ${whole(row.row)}${row.domain ? ` · ${row.domain}` : ""} · `, el("code", {}, row.sample_id)));
    const fields = same && $(".judging", this.panel);
    if (!fields) return this.panel.replaceChildren(this.#head(), this.#judging(), ...parts.filter(Boolean));
    const top = this.panel.scrollTop;
    while (fields.nextSibling) fields.nextSibling.remove();
    fields.after(...parts.filter(Boolean));
    this.panel.scrollTop = top;
    this.#said(fields);
  }

  #head() {
    return el("header", {}, el("h2", { dir: "auto" }, this.row.title || this.row.sample_id),
      el("button", { type: "button", class: "quiet wider", title: "Width of the panel (w)", onclick: () => this.turnWide() }, this.#width()),
      el("button", { type: "button", class: "quiet close", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.close() }, "×"));
  }

  #judging() {
    const button = (value, text, key) => el("button", { type: "button", class: `verdict ${value}`, value, title: `${text} (${key})`, onclick: () => this.judge({ verdict: this.row.judgement.verdict === value ? null : value }) }, text);
    const field = (name, hint) => el("input", { type: "text", name, placeholder: hint, "aria-label": hint, dir: "auto", maxlength: name === "label" ? 200 : 20000, onchange: (event) => this.judge({ [name]: event.target.value.trim() || null }) });
    const fields = el("div", { class: "judging" }, button("keep", "Keep", "y"), button("drop", "Drop", "d"), field("label", "Label"), field("note", "Note"));
    this.#said(fields);
    return fields;
  }

  // Show what is said of the row, but for a field that is being written in.
  #said(fields) {
    const { judgement } = this.row;
    for (const button of fields.querySelectorAll("button")) button.ariaPressed = String(judgement.verdict === button.value);
    for (const field of fields.querySelectorAll("input")) {
      field.defaultValue = judgement[field.name] ?? "";
      if (field !== document.activeElement) field.value = field.defaultValue;
    }
  }

  async judge(said) {
    const { row } = this;
    if (!row) return;
    try {
      await ask.judge(row.sample_id, said);
    } catch (error) {
      toast(error.message);
      return;
    }
    if (this.row?.sample_id === row.sample_id) {
      Object.assign(this.row.judgement, said);
      this.#said($(".judging", this.panel));
    }
    this.judged();
  }

  #scores() {
    const scores = Object.entries(this.row.scores);
    if (!scores.length) return this.row.status === "ok" ? el("p", { class: "muted" }, "This row has not been scored yet.") : null;
    return el("dl", { class: "scores" }, scores.map(([name, value]) => el("div", {}, el("dt", {}, this.labels[name] ?? name), el("dd", {}, number(value)))));
  }

  #section(title, ...body) {
    return el("section", {}, el("h3", {}, title), ...body);
  }

  #turn(turn, last) {
    const name = last && turn.role === "assistant" ? "Response" : ROLES[turn.role] ?? turn.role;
    const body = [];
    if (turn.reasoning) body.push(el("p", { class: "muted" }, "Reasoning"), this.#text(turn.reasoning, "reasoning"));
    const { tokens } = this.row;
    if (last && tokens.pieces.length) body.push(this.#legend(), this.#coloured(tokens));
    else {
      body.push(this.#text(turn, turn.role));
      if (last && tokens.why && this.row.status === "ok") body.push(el("p", { class: "muted" }, tokens.why));
    }
    return this.#section(name, ...body);
  }

  #text({ text, left }, kind) {
    return el("div", { class: `text ${kind}`, dir: "auto" }, text || el("i", { class: "muted" }, "empty"), left ? this.#all(`${whole(left)} more characters`) : null);
  }

  #coloured({ pieces, left, rest }) {
    const spans = pieces.map(([text, delta, name]) => el("span", { class: name + (text.trim() === "" && text.includes("\n") ? " nl" : ""), title: delta === null ? "no delta" : (delta > 0 ? "+" : "") + number(delta) }, text));
    return el("div", { class: "text", dir: "auto" }, spans,
      rest.text ? el("span", { class: "rest", title: "Longer than what the model reads" }, rest.text) : null,
      left ? this.#all(`${whole(left)} more tokens`) : rest.left ? this.#all(`${whole(rest.left)} more characters`) : null);
  }

  #all(left) {
    return el("button", { type: "button", class: "more", onclick: () => this.open(this.row.sample_id, this.row.at, true) }, `Show all: ${left}`);
  }

  #legend() {
    const swatches = ["n5", "n3", "n1", "z", "p1", "p3", "p5"].map((name) => el("span", { class: name }));
    return el("p", { class: "legend" }, "instruction hurts", el("span", { class: "swatches", "aria-hidden": "true" }, swatches), "helps");
  }

  #decisions() {
    const lines = this.row.recipes.map((one) => {
      if (one.state) return el("li", {}, el("b", {}, one.recipe), el("span", { class: "muted" }, one.state));
      const place = one.rank === null ? "" : `Place ${whole(one.rank)} of ${whole(one.of)}; the budget is ${whole(one.budget)}. `;
      const then = one.counterfactual ? ` It ${one.counterfactual}.` : one.unknown ? " From which budget on it would be taken is not known: not every row was measured." : "";
      const why = one.taken ? capital(one.reason) : `${sentence(one.why)}: ${one.reason}`;
      const text = `${place}${why}${/[.]$/.test(why) ? "" : "."}${then}`;
      return el("li", { title: one.meaning }, el("b", {}, one.recipe), el("span", { class: one.taken ? "taken" : "left" }, one.taken ? "taken" : "left"), el("p", {}, text));
    });
    return lines.length ? this.#section("Recipes", el("ul", { class: "decisions" }, lines)) : null;
  }

  #neighbour() {
    const { neighbour } = this.row;
    if (!neighbour) return null;
    const title = `Neighbour, similarity ${number(neighbour.similarity)}`;
    if (!neighbour.turns.length) return this.#section(title, el("p", { class: "muted" }, "It is no longer among the rows."));
    return el("section", { class: "neighbour" }, el("h3", {}, title, el("a", { href: `#row=${neighbour.sample_id}` }, "open")),
      el("p", { class: "muted" }, "MIWV puts it in front of this row as a solved example."),
      neighbour.turns.map((turn) => el("div", {}, el("h4", {}, ROLES[turn.role] ?? turn.role), this.#text(turn, turn.role))));
  }
}

// A browser may refuse to keep anything.
function kept() {
  try { return localStorage.getItem(KEPT); } catch { return null; }
}

function keep(value) {
  try { localStorage.setItem(KEPT, value); } catch { /* for this page it holds */ }
}
