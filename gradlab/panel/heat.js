// Heatmaps of gradients at every position of a switch. Traits: scene (JSON), data (float32), colours (256 RGB), position.
// Drawn here and not in Python so that a flip takes one frame and needs no kernel.

const STYLE = `
.gl { position: relative; font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--jp-ui-font-color1, #111); }
.gl-tiles { display: flex; flex-wrap: wrap; gap: 14px 26px; align-items: flex-start; }
.gl figure { margin: 0; min-width: 240px; max-width: 320px; }
.gl figcaption { font-family: var(--jp-code-font-family, monospace); margin-bottom: 3px; }
.gl canvas { display: block; background: #fff; border: 1px solid #767676; }
.gl canvas:focus-visible { outline: 3px solid #1a73e8; outline-offset: 2px; }
.gl .gl-state { font-weight: 600; margin-top: 3px; }
.gl .gl-scale { display: flex; align-items: center; gap: 8px; margin: 10px 0 4px; flex-wrap: wrap; }
.gl .gl-cursor { min-height: 1.45em; font-family: var(--jp-code-font-family, monospace); }
.gl .gl-said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.gl table { border-collapse: collapse; margin-top: 6px; }
.gl caption { text-align: left; padding: 2px 0; font-weight: 600; }
.gl th, .gl td { border: 1px solid var(--jp-border-color1, #bbb); padding: 2px 8px; text-align: left; font-weight: normal; }
.gl thead th { font-weight: 600; }
.gl-key { display: inline-flex; align-items: center; gap: 4px; margin-right: 10px; }
`;
const HATCHES = {
  "//": [[0, 8, 8, 0]], "\\\\": [[0, 0, 8, 8]], "xx": [[0, 0, 8, 8], [0, 8, 8, 0]],
  "--": [[0, 4, 8, 4]], "++": [[0, 4, 8, 4], [4, 0, 4, 8]],
};
const KEY = [["0", "exactly zero", "."], ["∅", "None", "//"], ["∞", "not finite", "xx"], ["≠", "wrong", "\\\\"],
  ["?", "not in the list", "--"], ["!", "exception", "++"]];

function hatch(ctx, name, x, y, w, h, ink) {
  ctx.save();
  ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip();
  ctx.strokeStyle = ctx.fillStyle = ink; ctx.lineWidth = 1.2; ctx.beginPath();
  for (let i = x; i < x + w; i += 8) for (let j = y; j < y + h; j += 8) {
    if (name === ".") ctx.fillRect(i + 3, j + 3, 2, 2);
    for (const [a, b, c, d] of HATCHES[name] || []) { ctx.moveTo(i + a, j + b); ctx.lineTo(i + c, j + d); }
  }
  ctx.stroke(); ctx.restore();
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A bytes trait arrives as a DataView into a larger message, which need not be aligned for Float32Array.
function floats(view) {
  if (!view || !view.byteLength) return new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function index(flat, shape) {
  const out = [];
  for (let i = shape.length - 1; i >= 0; i--) { out.unshift(flat % shape[i]); flat = Math.floor(flat / shape[i]); }
  return `[${out.join(", ")}]`;
}

function value(v) {
  if (Number.isNaN(v)) return "not a number (NaN)";
  if (!Number.isFinite(v)) return v > 0 ? "+infinity" : "-infinity";
  return v === 0 ? "exactly 0" : v.toExponential(2);
}

const NO_VALUE = { none: "None", missing: "not in the list of variables", raises: "no value: an exception was raised" };

class Tile {
  constructor(tile, scene, say) {
    Object.assign(this, { tile, scene, say, flat: 0 });
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "heatmap", "data-lm-suppress-shortcuts": "true" });
    this.caption = make("figcaption");
    this.state = make("div", { class: "gl-state" });
    this.figure = make("figure", {}, this.caption, this.canvas, this.state);
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("focus", () => { this.focused = true; this.draw(); this.tell(); });
    this.canvas.addEventListener("blur", () => { this.focused = false; this.draw(); this.say(""); });
    this.canvas.addEventListener("mousemove", (e) => this.hover(e));
    this.canvas.addEventListener("mouseleave", () => this.say(""));
  }
  set(position, numbers, colours) {
    this.entry = this.tile.entries[position];
    const e = this.entry;
    this.numbers = e.offset < 0 ? null : numbers.subarray(e.offset, e.offset + e.rows * e.columns);
    this.colours = colours;
    this.flat = Math.min(this.flat, e.rows * e.columns - 1);
    this.caption.textContent = `${this.tile.name}  ${e.size}`;
    this.state.textContent = `${e.mark} ${e.word}`;
    this.canvas.dataset.kind = e.kind;
    const zeros = this.numbers ? this.numbers.reduce((n, v) => n + (v === 0), 0) : 0;
    this.canvas.setAttribute("aria-label",
      `Gradient of the loss with respect to ${this.tile.name}, ${e.size}: ${e.word}` +
      (this.numbers ? `; largest ${e.largest || "none"}; ${zeros} of ${this.numbers.length} exactly zero` : "") +
      (e.note ? `; ${e.note}` : "") + ". Arrow keys read single values.");
    this.draw();
  }
  // Cells get whole pixels; a tile is at most 300 x 260 CSS pixels unless it has more cells than that.
  cell() {
    const { rows, columns } = this.entry;
    const fit = (n, room, most) => Math.max(1, Math.min(most, Math.floor(room / n)));
    return [Math.max(fit(columns, 300, 26), columns === 1 ? 40 : 1), Math.max(fit(rows, 260, 26), rows === 1 ? 26 : 1)];
  }
  draw() {
    if (!this.entry) return;
    const { rows, columns, hatch: pattern, kind } = this.entry, [w, h] = this.cell(), scale = window.devicePixelRatio || 1;
    const width = w * columns, height = h * rows;
    this.canvas.width = Math.round(width * scale); this.canvas.height = Math.round(height * scale);
    this.canvas.style.width = `${width}px`; this.canvas.style.height = `${height}px`;
    this.canvas.style.borderStyle = kind === "missing" ? "dashed" : "solid";
    const ctx = this.canvas.getContext("2d");
    ctx.scale(scale, scale);
    ctx.fillStyle = "#f4f4f4"; ctx.fillRect(0, 0, width, height);
    if (!this.numbers) {
      hatch(ctx, pattern, 0, 0, width, height, "#555");
    } else {
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) this.paint(ctx, this.numbers[r * columns + c], c * w, r * h, w, h);
      if (kind === "wrong") hatch(ctx, pattern, 0, 0, width, height, "#fff");
    }
    if (this.focused) {
      const x = (this.flat % columns) * w, y = Math.floor(this.flat / columns) * h;
      ctx.lineWidth = 3; ctx.strokeStyle = "#000"; ctx.strokeRect(x + 1.5, y + 1.5, Math.max(w - 3, 1), Math.max(h - 3, 1));
      ctx.lineWidth = 1; ctx.strokeStyle = "#fff"; ctx.strokeRect(x + 1.5, y + 1.5, Math.max(w - 3, 1), Math.max(h - 3, 1));
    }
  }
  paint(ctx, v, x, y, w, h) {
    if (!Number.isFinite(v)) {
      ctx.fillStyle = "#fff"; ctx.fillRect(x, y, w, h); hatch(ctx, "xx", x, y, w, h, "#b00020");
    } else if (v === 0) {
      ctx.fillStyle = "#000"; ctx.fillRect(x, y, w, h);
      if (w > 5 && h > 5) { ctx.fillStyle = "#fff"; ctx.fillRect(x + w / 2 - 1, y + h / 2 - 1, 2, 2); }
    } else {
      const { low, high } = this.scene, at = (Math.log10(Math.abs(v)) - low) / (high - low);
      const i = 3 * Math.max(0, Math.min(255, Math.round(255 * at)));
      ctx.fillStyle = `rgb(${this.colours[i]},${this.colours[i + 1]},${this.colours[i + 2]})`; ctx.fillRect(x, y, w, h);
    }
  }
  words(flat) {
    const at = `${this.tile.name}${index(flat, this.entry.shape)}`;
    return `${at}: ${this.numbers ? value(this.numbers[flat]) : NO_VALUE[this.entry.kind]}`;
  }
  tell() { this.say(this.words(this.flat)); }
  hover(event) {
    const box = this.canvas.getBoundingClientRect(), { rows, columns } = this.entry;
    const c = Math.floor(((event.clientX - box.left) / box.width) * columns), r = Math.floor(((event.clientY - box.top) / box.height) * rows);
    if (c >= 0 && r >= 0 && c < columns && r < rows) {
      this.canvas.title = this.words(r * columns + c);
      this.say(this.canvas.title);
    }
  }
  key(event) {
    const { rows, columns } = this.entry, last = rows * columns - 1;
    const row = Math.floor(this.flat / columns), to = {
      ArrowRight: this.flat + 1, ArrowLeft: this.flat - 1, ArrowDown: this.flat + columns, ArrowUp: this.flat - columns,
      Home: row * columns, End: row * columns + columns - 1, PageUp: this.flat % columns, PageDown: last - columns + 1 + (this.flat % columns),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault(); event.stopPropagation();
    if (to >= 0 && to <= last) this.flat = to;
    this.draw(); this.tell();
  }
}

function scaleBar(scene, colours) {
  const bar = make("canvas", { role: "img", "aria-label": `Colour scale, logarithmic, from ${(10 ** scene.low).toExponential(0)} (dark) to ${(10 ** scene.high).toExponential(0)} (bright)` });
  bar.width = 128; bar.height = 12;
  const ctx = bar.getContext("2d");
  for (let i = 0; i < 128; i++) { ctx.fillStyle = `rgb(${colours[6 * i]},${colours[6 * i + 1]},${colours[6 * i + 2]})`; ctx.fillRect(i, 0, 1, 12); }
  const keys = KEY.map(([mark, word, pattern]) => {
    const box = make("canvas", { "aria-hidden": "true" }); box.width = 16; box.height = 12;
    const c = box.getContext("2d");
    c.fillStyle = pattern === "." ? "#000" : pattern === "\\\\" ? "#21918c" : "#f4f4f4"; c.fillRect(0, 0, 16, 12);
    hatch(c, pattern, 0, 0, 16, 12, pattern === "." || pattern === "\\\\" ? "#fff" : "#555");
    return make("span", { class: "gl-key" }, box, `${mark} ${word}`);
  });
  return make("div", { class: "gl-scale" }, `|gradient|  ${(10 ** scene.low).toExponential(0)}`, bar, (10 ** scene.high).toExponential(0), ...keys);
}

function table(scene, position) {
  const head = ["gradient of", "shape", "what it is", "largest", "evidence"];
  const body = scene.tiles.map(({ name, entries }) => {
    const e = entries[position];
    return make("tr", {}, make("th", { scope: "row" }, name),
      ...[e.size, `${e.mark} ${e.word}`, e.largest || "-", e.note || "-"].map((text) => make("td", {}, text)));
  });
  return make("table", {}, make("caption", {}, `The same in words, with the switch at "${scene.positions[position]}"`),
    make("thead", {}, make("tr", {}, ...head.map((h) => make("th", { scope: "col" }, h)))), make("tbody", {}, ...body));
}

// What ipywidgets leaves out for keyboard and screen reader: a name on each slider handle and radio group, and a shared
// `name` on the radio buttons of a group, without which the arrow keys do not move between them. JupyterLab would
// take those keys for its own shortcuts and leave the cell.
let groups = 0;
function completeControls(el) {
  const panel = el.closest(".gradlab-panel");
  if (!panel) return;
  // On the focused element itself: JupyterLab looks for the attribute from there upwards, and its selectors match first.
  for (const node of panel.querySelectorAll("input, button, summary, .noUi-handle, pre")) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const control of panel.querySelectorAll(".widget-hslider, .widget-radio")) {
    const label = control.querySelector(".widget-label")?.textContent;
    const handle = control.querySelector(".noUi-handle, .widget-radio-box");
    if (!label || !handle) continue;
    handle.setAttribute("aria-label", label);
    if (!handle.classList.contains("widget-radio-box")) continue;
    handle.setAttribute("role", "radiogroup");
    const buttons = [...handle.querySelectorAll("input[type=radio]")], name = buttons[0]?.name || `gradlab-${groups++}`;
    for (const button of buttons) button.name = name;
  }
}

function render({ model, el }) {
  const live = make("div", { class: "gl-cursor", role: "status", "aria-live": "polite" });
  const flipped = make("div", { class: "gl-said", role: "status", "aria-live": "polite" }); // for ears: it would move the page
  const tiles = make("div", { class: "gl-tiles" }), legend = make("div"), words = make("div");
  const root = make("div", { class: "gl" }, tiles, live, flipped, legend, words);
  el.append(make("style", {}, STYLE), root);
  const say = (text) => { live.textContent = text; };
  let drawn = [], numbers, colours, scene;
  const flip = () => {
    if (!scene.tiles) return;
    const position = model.get("position");
    drawn.forEach((tile) => tile.set(position, numbers, colours));
    words.replaceChildren(table(scene, position));
  };
  const rebuild = () => {
    scene = model.get("scene");
    numbers = floats(model.get("data"));
    const view = model.get("colours");
    colours = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (!scene.tiles) return;
    const same = drawn.length === scene.tiles.length && drawn.every((tile, i) => tile.tile.name === scene.tiles[i].name);
    if (same) drawn.forEach((tile, i) => { tile.tile = scene.tiles[i]; tile.scene = scene; }); // keeps focus and cursor
    else {
      drawn = scene.tiles.map((tile) => new Tile(tile, scene, say));
      tiles.replaceChildren(...drawn.map((tile) => tile.figure));
    }
    legend.replaceChildren(scaleBar(scene, colours));
    flip();
  };
  const flipAndSay = () => {
    flip();
    if (scene.tiles) flipped.textContent = (`${scene.positions[model.get("position")]}: ` + scene.tiles.map((t) => `${t.name} ${t.entries[model.get("position")].word}`).join("; "));
  };
  model.on("change:position", flipAndSay);
  model.on("change:scene", rebuild);
  rebuild();
  const timers = [0, 300, 1500].map((ms) => setTimeout(() => completeControls(el), ms));
  return () => {
    timers.forEach(clearTimeout);
    model.off?.("change:position", flipAndSay);
    model.off?.("change:scene", rebuild);
  };
}

export default { render };
