// The filters beside the table, and the chips above it that say which are in force.

import { $, el, later, number, whole } from "./dom.js";

const FEW = 8; // values of a facet that are shown at once

export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.ranges = new Map(); // column -> {min, max}
    this.values = new Map(); // facet -> Set of values
    this.recipes = new Map(); // recipe -> true (taken) or false (left)
    this.brush = null; // {plane, columns, x: [min, max], y: [min, max]}
    this.words = "";
    this.by = "text";
    this.open = new Set();
  }

  query() {
    const between = [...this.ranges].map(([column, range]) => ({ column, ...range }));
    if (this.brush) {
      const [x, y] = this.brush.columns;
      between.push({ column: x, min: this.brush.x[0], max: this.brush.x[1] });
      between.push({ column: y, min: this.brush.y[0], max: this.brush.y[1] });
    }
    const among = [...this.values].map(([column, values]) => ({ column, values: [...values] }));
    const flags = [...this.recipes].map(([recipe, value]) => ({ column: `recipe:${recipe}:taken`, value }));
    const search = this.words ? { [this.by]: this.words } : {};
    return { between, among, flags, ...search };
  }

  // Fill the rail with what there is to choose among.
  show(corpus) {
    this.corpus = corpus;
    const focused = document.activeElement?.dataset?.key;
    const parts = [this.#recipes(corpus.recipes)];
    for (const [facet, title] of [["status", "Status"], ["verdict", "Verdict"], ["label", "Label"], ["domain", "Domain"], ["shard", "Shard"]]) {
      const values = corpus.facets[facet];
      const known = values.filter(([value]) => value !== null);
      if (known.length > (facet === "domain" || facet === "shard" ? 1 : 0)) parts.push(this.#facet(facet, title, values));
    }
    parts.push(this.#ranges(corpus.columns.filter((column) => column.known)));
    $("#filters").replaceChildren(...parts.filter(Boolean));
    if (focused) $(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.chips();
  }

  #group(title, ...body) {
    return el("section", { class: "group" }, el("h2", {}, title), ...body);
  }

  #recipes(recipes) {
    if (!recipes.length || !this.corpus.scored) return null;
    const lines = recipes.map((recipe) => {
      const state = this.recipes.get(recipe.name);
      const choose = (value) => () => {
        if (this.recipes.get(recipe.name) === value) this.recipes.delete(recipe.name);
        else this.recipes.set(recipe.name, value);
        this.#again();
      };
      const button = (label, value) =>
        el("button", { type: "button", "aria-pressed": String(state === value), disabled: !recipe.ready, "data-key": `recipe:${recipe.name}:${label}`, onclick: choose(value) }, label);
      const about = recipe.ready ? `${recipe.meaning}. Takes ${whole(recipe.taken)} rows.` : recipe.fault ?? "Being selected";
      return el("li", { title: about }, el("span", { class: "name" }, recipe.name),
        recipe.ready || !recipe.fault ? el("span", { class: "pair" }, button("taken", true), button("left", false)) : el("span", { class: "muted" }, "none"));
    });
    return this.#group("Recipes", el("ul", { class: "recipes" }, lines));
  }

  #facet(facet, title, values) {
    const chosen = this.values.get(facet) ?? new Set();
    const open = this.open.has(facet);
    const shown = open ? values : values.slice(0, FEW);
    const lines = shown.map(([value, count]) => {
      const toggle = (event) => {
        const set = new Set(this.values.get(facet));
        event.target.checked ? set.add(value) : set.delete(value);
        set.size ? this.values.set(facet, set) : this.values.delete(facet);
        this.#again();
      };
      const name = value ?? "none";
      return el("li", {}, el("label", {}, el("input", { type: "checkbox", checked: chosen.has(value), "data-key": `${facet}:${name}`, onchange: toggle }),
        el("span", { class: "name", title: name, dir: "auto" }, name), el("span", { class: "many" }, whole(count))));
    });
    const more = values.length > FEW && el("button", { type: "button", class: "quiet more", onclick: () => {
      open ? this.open.delete(facet) : this.open.add(facet);
      this.show(this.corpus);
    } }, open ? "fewer" : `${values.length - FEW} more`);
    return this.#group(title, el("ul", { class: open ? "facet long" : "facet" }, lines), more || null);
  }

  #ranges(columns) {
    if (!columns.length) return null;
    const lines = columns.map(({ name, label, note, min, max }) => {
      const range = this.ranges.get(name) ?? {};
      const set = later(250, (end, input) => {
        const value = input.value.trim() === "" ? undefined : Number(input.value);
        input.toggleAttribute("aria-invalid", Number.isNaN(value));
        if (Number.isNaN(value)) return;
        const next = { ...this.ranges.get(name), [end]: value };
        if (value === undefined) delete next[end];
        Object.keys(next).length ? this.ranges.set(name, next) : this.ranges.delete(name);
        this.chips();
        this.changed();
      });
      const input = (end, hint) => el("input", { type: "text", inputmode: "decimal", size: 6, value: range[end] ?? "", placeholder: number(hint), "data-key": `${name}:${end}`, "aria-label": `${label}, ${end === "min" ? "at least" : "at most"}`, oninput: (event) => set(end, event.target) });
      return el("li", { title: note }, el("span", { class: "name" }, label), input("min", min), el("span", { class: "muted" }, "–"), input("max", max));
    });
    return this.#group("Scores and lengths", el("ul", { class: "ranges" }, lines));
  }

  #again() {
    this.show(this.corpus);
    this.changed();
  }

  chips() {
    const labels = Object.fromEntries(this.corpus.columns.map(({ name, label }) => [name, label]));
    const chips = [];
    const chip = (text, drop) => chips.push(el("button", { type: "button", class: "chip", title: "Take this filter away", onclick: () => { drop(); this.#again(); } }, text, el("span", { "aria-hidden": "true" }, "×")));
    if (this.words) chip(this.by === "text" ? `“${this.words}”` : `like “${this.words}”`, () => { this.words = ""; $("#words").value = ""; });
    if (this.brush) chip("selected in the plot", () => { this.brush = null; });
    for (const [recipe, taken] of this.recipes) chip(`${taken ? "taken" : "left"} by ${recipe}`, () => this.recipes.delete(recipe));
    for (const [facet, values] of this.values) chip(`${facet}: ${[...values].map((value) => value ?? "none").join(", ")}`, () => this.values.delete(facet));
    for (const [name, { min, max }] of this.ranges) {
      const text = min === undefined ? `≤ ${max}` : max === undefined ? `≥ ${min}` : `${min} – ${max}`;
      chip(`${labels[name]} ${text}`, () => this.ranges.delete(name));
    }
    if (chips.length > 1) chips.push(el("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "clear all"));
    $("#chips").replaceChildren(...chips);
    $("#chips").hidden = !chips.length;
  }

  clear() {
    for (const kept of [this.ranges, this.values, this.recipes]) kept.clear();
    this.brush = null;
    this.words = $("#words").value = "";
    this.#again();
  }
}
