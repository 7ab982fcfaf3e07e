// Two planes of points on a canvas: drag to select, click to open; marks follow the table.

import * as ask from "./ask.js";
import { $, later, whole } from "./dom.js";

const PAD = { left: 46, right: 10, top: 8, bottom: 34 };
const COLUMNS = { robust: ["s_ifd_mean", "s_ifd_std"], map: ["map_x", "map_y"] };
const NEAR = 9; // pixels to the point that a click means

export class Plot {
  constructor({ brushed, opened, hovered }) {
    Object.assign(this, { brushed, opened, hovered });
    this.canvas = $("#plot canvas");
    this.plane = "robust";
    this.points = { at: [], x: [], y: [] };
    this.inside = null; // a byte array: a bit for each point
    this.brush = null;
    this.cursor = null; // {x, y} of the row that the table is at
    for (const tab of document.querySelectorAll("#plots [data-plane]")) {
      tab.addEventListener("click", () => this.turn(tab.dataset.plane));
    }
    this.canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.#over(event));
    this.canvas.addEventListener("pointerleave", () => this.hovered(null));
    new ResizeObserver(later(60, () => this.draw())).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async turn(plane) {
    this.plane = plane;
    if (this.brush) this.brushed(null);
    if (!this.corpus) return;
    await this.show(this.corpus, this.query);
  }

  // Show the corpus as it is now, with the points of `query` marked.
  async show(corpus, query) {
    this.corpus = corpus;
    this.query = query;
    for (const tab of document.querySelectorAll("#plots [data-plane]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.plane === this.plane));
    }
    const about = corpus.planes[this.plane];
    const empty = $("#plot .empty");
    empty.hidden = about.ready;
    empty.textContent = this.#why(corpus);
    this.canvas.hidden = !about.ready;
    const { plane } = this;
    if (about.ready && (this.version !== corpus.version || this.drawn !== plane)) {
      if (this.drawn !== plane) this.drawn = null; // nothing can be selected before it is there
      const points = await ask.points(plane);
      if (this.plane !== plane) return; // turned to the other one meanwhile
      Object.assign(this, { points, version: corpus.version, drawn: plane });
      this.#extent();
    }
    $("#plot figcaption").textContent = about.ready ? this.#caption(about.note) : "";
    if (about.ready) await this.mark(this.query);
  }

  #caption(note) {
    const { total, at } = this.points;
    return total > at.length ? `${note} ${whole(at.length)} of ${whole(total)} rows are drawn.` : note;
  }

  #why(corpus) {
    if (!corpus.scored) return "Nothing has been scored yet.";
    if (this.plane === "robust") return "No row has robust scores.";
    return corpus.working ? "The map is being made …" : "This corpus has no embeddings. MIWV, or semantic_search: true, makes them.";
  }

  async mark(query) {
    this.query = query;
    this.asking?.abort();
    this.asking = new AbortController();
    const any = query.between.length || query.among.length || query.flags.length || query.text || query.meaning;
    try {
      const bits = any ? (await ask.marks(this.plane, query, this.asking.signal)).bits : null;
      this.inside = bits && Uint8Array.from(atob(bits), (letter) => letter.charCodeAt(0));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      return;
    }
    this.draw();
  }

  point(row) {
    const [x, y] = COLUMNS[this.plane];
    this.cursor = row && row[x] !== null && row[x] !== undefined ? { x: row[x], y: row[y] } : null;
    this.draw();
  }

  clear() {
    this.brush = null;
    this.draw();
  }

  #extent() {
    const range = (values) => {
      let [low, high] = [Infinity, -Infinity];
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (!(low < high)) [low, high] = [low - 1, low + 1];
      const edge = (high - low) * 0.03;
      return [low - edge, high + edge];
    };
    this.x = range(this.points.x);
    this.y = range(this.points.y);
  }

  #scales() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const across = width - PAD.left - PAD.right;
    const down = height - PAD.top - PAD.bottom;
    return {
      width, height, across, down,
      px: (x) => PAD.left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * across,
      py: (y) => PAD.top + down - ((y - this.y[0]) / (this.y[1] - this.y[0])) * down,
      vx: (px) => this.x[0] + ((px - PAD.left) / across) * (this.x[1] - this.x[0]),
      vy: (py) => this.y[0] + ((PAD.top + down - py) / down) * (this.y[1] - this.y[0]),
    };
  }

  draw() {
    if (this.canvas.hidden || this.drawn !== this.plane) return;
    const scale = this.#scales();
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(scale.width * ratio);
    this.canvas.height = Math.round(scale.height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
    this.#axes(pen, scale, colour);
    this.#dots(pen, scale, colour);
    if (this.brush) {
      const [left, right] = this.brush.x.map(scale.px);
      const [bottom, top] = this.brush.y.map(scale.py);
      pen.fillStyle = colour("--accent-soft");
      pen.strokeStyle = colour("--accent");
      pen.fillRect(left, top, right - left, bottom - top);
      pen.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
    }
    if (this.cursor) {
      pen.beginPath();
      pen.arc(scale.px(this.cursor.x), scale.py(this.cursor.y), 6, 0, 2 * Math.PI);
      pen.lineWidth = 2;
      pen.strokeStyle = colour("--ink");
      pen.stroke();
    }
  }

  #dots(pen, scale, colour) {
    const { x, y } = this.points;
    const size = x.length > 5000 ? 1.6 : x.length > 500 ? 2.4 : 4;
    const few = this.inside && this.inside.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0) < 200;
    const among = (index) => !this.inside || (this.inside[index >> 3] >> (index & 7)) & 1;
    for (const marked of [false, true]) {
      pen.fillStyle = colour(marked ? "--accent" : "--dot");
      pen.globalAlpha = marked ? (few ? 1 : x.length > 5000 ? 0.45 : 0.7) : 0.55;
      const side = marked && few ? size + 2 : size;
      for (let index = 0; index < x.length; index += 1) {
        if (Boolean(among(index)) === marked) pen.fillRect(scale.px(x[index]) - side / 2, scale.py(y[index]) - side / 2, side, side);
      }
    }
    pen.globalAlpha = 1;
  }

  #axes(pen, scale, colour) {
    const [across, up] = this.corpus.planes[this.plane].labels;
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.fillStyle = colour("--muted");
    pen.strokeStyle = colour("--line");
    pen.textAlign = "center";
    for (const tick of ticks(this.x)) {
      line(pen, scale.px(tick), PAD.top, scale.px(tick), PAD.top + scale.down);
      pen.fillText(short(tick), scale.px(tick), PAD.top + scale.down + 13);
    }
    pen.fillText(across, PAD.left + scale.across / 2, scale.height - 5);
    pen.textAlign = "right";
    for (const tick of ticks(this.y)) {
      line(pen, PAD.left, scale.py(tick), PAD.left + scale.across, scale.py(tick));
      pen.fillText(short(tick), PAD.left - 5, scale.py(tick) + 4);
    }
    pen.save();
    pen.translate(10, PAD.top + scale.down / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(up, 0, 0);
    pen.restore();
  }

  #begin(event) {
    if (this.drawn !== this.plane) return;
    const box = this.canvas.getBoundingClientRect();
    const at = (e) => [Math.min(Math.max(e.clientX - box.left, PAD.left), box.width - PAD.right), Math.min(Math.max(e.clientY - box.top, PAD.top), box.height - PAD.bottom)];
    const start = at(event);
    const scale = this.#scales();
    this.canvas.setPointerCapture(event.pointerId);
    const move = (e) => {
      const end = at(e);
      if (Math.hypot(end[0] - start[0], end[1] - start[1]) < 4) return;
      const sorted = (one, other) => (one < other ? [one, other] : [other, one]);
      this.brush = { plane: this.plane, columns: COLUMNS[this.plane], x: sorted(scale.vx(start[0]), scale.vx(end[0])), y: sorted(scale.vy(start[1]), scale.vy(end[1])) };
      this.draw();
    };
    const before = this.brush;
    const end = (e) => {
      this.canvas.removeEventListener("pointermove", move);
      if (this.brush !== before) this.brushed(this.brush);
      else if (e.type === "pointerup") this.#clicked(e);
    };
    this.canvas.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) this.canvas.addEventListener(kind, end, { once: true });
  }

  #clicked(event) {
    const index = this.#nearest(event);
    if (index !== null) this.opened(this.points.at[index]);
    else if (this.brush) this.brushed(null);
  }

  #over(event) {
    if (event.buttons) return;
    const index = this.#nearest(event);
    this.canvas.style.cursor = index === null ? "crosshair" : "pointer";
    this.hovered(index === null ? null : this.points.at[index]);
  }

  #nearest(event) {
    if (this.drawn !== this.plane) return null;
    const scale = this.#scales();
    let [best, found] = [NEAR, null];
    for (let index = 0; index < this.points.x.length; index += 1) {
      const far = Math.hypot(scale.px(this.points.x[index]) - event.offsetX, scale.py(this.points.y[index]) - event.offsetY);
      if (far < best) [best, found] = [far, index];
    }
    return found;
  }
}

function line(pen, ...[x, y, toX, toY]) {
  pen.beginPath();
  pen.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
  pen.lineTo(Math.round(toX) + 0.5, Math.round(toY) + 0.5);
  pen.stroke();
}

const short = (tick) => String(Number(tick.toPrecision(3))).replace("-", "−");

function ticks([low, high]) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((many) => many * power >= rough) * power;
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) found.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
  return found;
}
