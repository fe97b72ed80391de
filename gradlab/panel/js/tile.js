// One source as a heatmap: read by mouse, by arrow keys and in words. Blocks, square maps and single numbers included.
import { absent, cell, hatch, map, surface } from "./colour.js";
import { keepKeys, make, say, short, still } from "./dom.js";

/** @type {Record<string, string>} */
const NO_VALUE = { none: "None", missing: "not in the list of variables", raises: "no value: an exception was raised" };
const SLIDE = 450; // milliseconds in which the rows of a block slide into their sum: slow enough to follow
const GAP = 6; // pixels between framed blocks

export class Tile {
  /**
   * @param {import("./types.js").TileData} data
   * @param {(text: string) => void} say
   * @param {(name: string) => void} choose called with the source that is clicked
   * @param {(row: number) => void} lit called with the row of a square map under the pointer
   */
  constructor(data, say, choose, lit) {
    this.data = data; this.say = say; this.lit = lit;
    this.flat = 0; this.row = -1; this.merged = 0; this.frame = 0; this.sliding = false;
    this.view = "size"; this.focused = false;
    /** @type {Float32Array|null} */ this.numbers = null;
    /** @type {import("./types.js").Entry} */ this.entry = data.entries[0];
    this.size = { w: 8, h: 8 };
    this.name = make("button", { class: "gl-name", type: "button", "aria-pressed": "false" });
    keepKeys(this.name).addEventListener("click", () => choose(this.data.name));
    this.state = make("span", { class: "gl-state" });
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "heatmap" });
    this.rows = make("span", { class: "gl-axis gl-axis-rows", "aria-hidden": "true" });
    this.columns = make("span", { class: "gl-axis", "aria-hidden": "true" });
    this.figure = make("figure", { class: "gl-tile" }, make("figcaption", {}, this.name, this.state),
      make("div", { class: "gl-plot" }, this.rows, this.canvas), this.columns);
    keepKeys(this.canvas).addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("focus", () => { this.focused = true; this.draw(); this.say(this.words(this.flat)); });
    this.canvas.addEventListener("blur", () => { this.focused = false; this.draw(); this.say(""); });
    this.canvas.addEventListener("mousemove", (e) => this.hover(e));
    this.canvas.addEventListener("mouseleave", () => { this.say(""); this.lit(-1); });
  }

  get scalar() { return this.data.entries.every((e) => e.rows * e.columns === 1); }

  /** What the box has to hold at either position, in cells. */
  get extent() {
    const most = (/** @type {(e: import("./types.js").Entry) => number} */ f) => Math.max(...this.data.entries.map(f));
    const blocks = most((e) => e.blocks);
    return blocks ? { columns: blocks * most((e) => e.columns), rows: most((e) => e.rows / Math.max(e.blocks, 1)), blocks }
      : { columns: most((e) => e.columns), rows: most((e) => e.rows), blocks: 0 };
  }

  /**
   * @param {number} position @param {Float32Array} numbers of all tiles
   * @param {import("./colour.js").Scale} scale @param {string} view size, sign or difference
   */
  set(position, numbers, scale, view) {
    const before = this.entry, e = (this.entry = this.data.entries[position]);
    this.scale = scale; this.view = view;
    const part = (/** @type {import("./types.js").Entry} */ x) => x.offset < 0 ? null : numbers.subarray(x.offset, x.offset + x.rows * x.columns);
    this.numbers = view === "difference" ? subtract(part(this.data.entries[1]), part(this.data.entries[0])) : part(e);
    this.flat = Math.min(this.flat, e.rows * e.columns - 1);
    say(this.name, `${this.data.name} ${e.size}`);
    this.name.title = `${this.data.name} ${e.size}: light up the lines on its way`;
    const value = this.scalar && this.numbers && e.kind !== "zero" ? ` ${short(this.numbers[0])}` : "";
    say(this.state, view === "difference" ? (this.numbers ? "on − off" : "nothing to subtract") : `${e.mark} ${e.kind}${value}`);
    this.state.title = e.word + (e.note ? `; ${e.note}` : "");
    this.canvas.dataset.kind = e.kind;
    const zeros = this.numbers ? this.numbers.reduce((n, v) => n + (v === 0 ? 1 : 0), 0) : 0;
    this.canvas.setAttribute("aria-label", `${view === "difference" ? "On minus off: g" : "G"}radient of the loss with respect to ` +
      `${this.data.name}, ${e.size}: ${e.word}` + (this.numbers ? `; largest ${e.largest || "none"}; ${zeros} of ${this.numbers.length} exactly zero` : "") +
      (e.note ? `; ${e.note}` : "") + ". Arrow keys read single values.");
    cancelAnimationFrame(this.frame);
    this.sliding = false;
    const whole = this.data.entries[0];
    const goal = e.summed ? 1 : 0;
    if (before !== e && e.blocks && before.blocks && before.summed !== e.summed && !still() && view !== "difference") this.slide(goal, performance.now(), this.merged, part(whole));
    else this.merged = goal; // drawn by `fit`, which follows
  }

  /** @param {number} goal @param {number} since @param {number} from @param {Float32Array|null} rows */
  slide(goal, since, from, rows) {
    const share = Math.min(1, (performance.now() - since) / SLIDE);
    this.merged = from + (goal - from) * share;
    this.sliding = share < 1;
    this.draw(this.sliding ? rows : null);
    if (this.sliding) this.frame = requestAnimationFrame(() => this.slide(goal, since, from, rows));
  }

  /** @param {number} w @param {number} h pixels of one cell */
  fit(w, h) { this.size = { w, h }; if (!this.sliding) this.draw(); }

  get pixels() {
    const { rows, columns, blocks } = this.extent;
    return { width: Math.max(4, Math.round(columns * this.size.w) + Math.max(blocks - 1, 0) * GAP), height: Math.max(4, Math.round(rows * this.size.h)) };
  }

  /** @param {Float32Array|null} [sliding] the rows of all blocks, while they slide */
  draw(sliding = null) {
    const e = this.entry, { width, height } = this.pixels;
    if (!this.scale) return;
    const ctx = surface(this.canvas, width, height);
    this.canvas.classList.toggle("gl-missing", e.kind === "missing");
    say(this.rows, this.data.axes.length ? this.data.axes[0] : "");
    say(this.columns, this.data.axes.length ? `${this.data.axes[1]} →` : "");
    if (!this.numbers) absent(ctx, this.view === "difference" ? "" : e.hatch, 0, 0, width, height);
    else if (this.scalar) this.bar(ctx, width, height);
    else if (e.blocks) this.blocks(ctx, sliding);
    else this.plain(ctx, width, height);
    if (this.numbers && e.kind === "wrong" && this.view === "size") hatch(ctx, e.hatch, 0, e.summed ? height / 2 - this.size.h / 2 : 0, width, e.summed ? this.size.h : height, "#fff", "rgba(0,0,0,.75)");
    if (this.row >= 0) { ctx.strokeStyle = "#fff"; ctx.lineWidth = 2; ctx.strokeRect(1, this.row * this.size.h, width - 2, Math.max(2, this.size.h)); }
    if (this.focused) this.cursor(ctx);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} width @param {number} height */
  bar(ctx, width, height) {
    const v = /** @type {Float32Array} */ (this.numbers)[0], scale = /** @type {import("./colour.js").Scale} */ (this.scale);
    ctx.fillStyle = "#f4f4f4"; ctx.fillRect(0, 0, width, height);
    if (v === 0 || !Number.isFinite(v)) cell(ctx, scale, v, 0, 0, height, height);
    else cell(ctx, scale, v, 0, 0, Math.max(2, width * Math.max(0, Math.min(1, scale.at(v)))), height, this.view !== "size");
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} width @param {number} height */
  plain(ctx, width, height) {
    const v = /** @type {Float32Array} */ (this.numbers), { rows, columns } = this.entry;
    const down = Math.max(1, Math.ceil(rows / height)), over = Math.max(1, Math.ceil(columns / width)); // cells that share a pixel
    map(ctx, /** @type {any} */ (this.scale), (r, c) => largest(v, r * down, c * over, down, over, rows, columns), Math.ceil(rows / down), Math.ceil(columns / over), width, height, this.view !== "size");
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Float32Array|null} sliding */
  blocks(ctx, sliding) {
    const { blocks, columns, rows, summed } = this.entry, { w, h } = this.size, v = sliding || /** @type {Float32Array} */ (this.numbers);
    const own = sliding ? sliding.length / blocks / columns : rows / blocks, high = this.pixels.height, middle = high / 2 - h / 2;
    for (let b = 0; b < blocks; b++) {
      const left = Math.round(b * (columns * w + GAP));
      for (let r = 0; r < own; r++) for (let c = 0; c < columns; c++) {
        const apart = summed && !sliding ? middle : r * h, y = Math.round(apart + (middle - apart) * this.merged);
        cell(ctx, /** @type {any} */ (this.scale), v[(b * own + r) * columns + c], Math.round(left + c * w), y, Math.ceil(w), Math.ceil(h), this.view !== "size");
      }
      ctx.strokeStyle = "#767676"; ctx.lineWidth = 1; ctx.strokeRect(left + 0.5, 0.5, Math.round(columns * w) - 1, high - 1);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx */
  cursor(ctx) {
    const { columns, blocks, rows, summed } = this.entry, { w, h } = this.size, r = Math.floor(this.flat / columns), c = this.flat % columns;
    const own = blocks ? rows / blocks : rows, b = blocks ? Math.floor(r / own) : 0;
    const x = c * w + b * (columns * w + GAP), y = summed ? this.pixels.height / 2 - h / 2 : (r % own) * h;
    const box = /** @type {[number, number, number, number]} */ ([x + 1.5, y + 1.5, Math.max(w - 3, 1), Math.max(h - 3, 1)]);
    ctx.lineWidth = 3; ctx.strokeStyle = "#000"; ctx.strokeRect(...box);
    ctx.lineWidth = 1; ctx.strokeStyle = "#fff"; ctx.strokeRect(...box);
  }

  /** @param {number} flat */
  words(flat) {
    const e = this.entry, place = [];
    for (let i = e.shape.length - 1, left = flat; i >= 0; i--) { place.unshift(left % e.shape[i]); left = Math.floor(left / e.shape[i]); }
    const at = this.data.name + (e.shape.length ? `[${place.join(", ")}]` : "");
    if (!this.numbers) return `${at}: ${this.view === "difference" ? "no difference: at one position there is no value of this shape" : NO_VALUE[e.kind] ?? e.word}`;
    return `${at}${this.view === "difference" ? ", on minus off" : ""}: ${/** @type {any} */ (this.scale).words(this.numbers[flat])}`;
  }

  /** @param {MouseEvent} event */
  hover(event) {
    const box = this.canvas.getBoundingClientRect(), { rows, columns, blocks, summed } = this.entry, { width, height } = this.pixels;
    const x = ((event.clientX - box.left) / box.width) * width, y = ((event.clientY - box.top) / box.height) * height;
    let flat;
    if (blocks) {
      const b = Math.min(blocks - 1, Math.floor(x / (columns * this.size.w + GAP))), own = rows / blocks;
      const c = Math.min(columns - 1, Math.floor((x - b * (columns * this.size.w + GAP)) / this.size.w));
      flat = (b * own + (summed ? 0 : Math.min(own - 1, Math.floor(y / this.size.h)))) * columns + c;
    } else flat = Math.min(rows - 1, Math.floor((y / height) * rows)) * columns + Math.min(columns - 1, Math.floor((x / width) * columns));
    if (!(flat >= 0)) return;
    this.canvas.title = this.words(flat);
    this.say(this.canvas.title);
    if (this.data.square) this.lit(Math.floor(flat / columns));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { rows, columns } = this.entry, last = rows * columns - 1, row = Math.floor(this.flat / columns);
    const to = /** @type {Record<string, number>} */ ({
      ArrowRight: this.flat + 1, ArrowLeft: this.flat - 1, ArrowDown: this.flat + columns, ArrowUp: this.flat - columns,
      Home: row * columns, End: row * columns + columns - 1, PageUp: this.flat % columns, PageDown: last - columns + 1 + (this.flat % columns),
    })[event.key];
    if (to === undefined) return;
    event.preventDefault(); event.stopPropagation();
    if (to >= 0 && to <= last) this.flat = to;
    this.draw(); this.say(this.words(this.flat));
    if (this.data.square) this.lit(Math.floor(this.flat / columns));
  }
}

/** @param {Float32Array|null} on @param {Float32Array|null} off */
function subtract(on, off) {
  return on && off && on.length === off.length ? on.map((v, i) => v - off[i]) : null;
}

// Where several cells share a pixel, the largest is shown, and what is not finite before all others.
/** @param {Float32Array} v @param {number} r @param {number} c @param {number} down @param {number} over @param {number} rows @param {number} columns */
function largest(v, r, c, down, over, rows, columns) {
  let best = v[r * columns + c];
  for (let i = r; i < Math.min(r + down, rows); i++) for (let j = c; j < Math.min(c + over, columns); j++) {
    const x = v[i * columns + j];
    if (!Number.isFinite(x)) return x;
    if (Math.abs(x) > Math.abs(best)) best = x;
  }
  return best;
}
