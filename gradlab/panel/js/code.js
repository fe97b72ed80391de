// The code with its margin: line numbers, the tape's bracket, a strip for each line, and what a line does to the path.
import { surface } from "./colour.js";
import { keepKeys, make } from "./dom.js";
import { places, strip } from "./strip.js";

const WIDTH = 116, HEIGHT = 13; // pixels of a strip at normal size
const TIGHT = 58; // its width on a phone, and where no line runs often: the code gets the rest
const REPEATS = /\b(for|while|while_loop|scan|map_fn)\b/; // what makes lines run often; asked of the text, which no knob changes
const BESIDE = 36, LEAST = 12, TAG = 4; // pixels beside the code that are no strip and no number; characters: of a line, at the least, and of a tag's edges

/** Where the value of a line comes from, if no gradient goes back beyond it. @param {import("./types.js").Margin|undefined} m */
const origin = (m) => (m?.passed ? `⇢ ${m.passed.replace(/^.*: (made )?(by )?/, "")}` : "");

export class Code {
  /**
   * @param {import("./types.js").CodeLine[]} lines @param {import("./types.js").Kind[]} kinds @param {string} name
   * @param {(text: string) => void} say
   */
  constructor(lines, kinds, name, say) {
    this.say = say; this.data = lines; this.kinds = kinds; this.picked = "";
    this.at = { line: -1, cell: 0 }; this.open = false;
    /** @type {import("./colour.js").Scale|undefined} */ this.scale = undefined;
    this.short = !lines.some(({ text }) => REPEATS.test(text)); // whether all strips have few cells
    /** @type {number[]|undefined} */ this.origins = undefined; // characters that the origins of values take beside the lines
    /** @type {Element|null} */ this.shown = null;
    this.tight = false; this.zoom = 1; // set by the panel: read from the style, it would be computed anew at every flip
    /** What stands in the margin of each line now, so that a flip draws only the lines that change. @type {string[]} */ this.drawn = [];
    /** @type {WeakMap<object, string>} */ this.texts = new WeakMap();
    this.box = make("div", { class: "gl-code", role: "region", tabindex: "0", "aria-label": `Code of ${name} with the gradients in its margin` });
    keepKeys(this.box);
    this.box.addEventListener("mouseover", (e) => this.whole(/** @type {HTMLElement} */ (e.target).closest("code.gl-text")));
    this.box.addEventListener("mouseleave", () => this.whole(null));
    this.lines = lines.map((line, i) => this.line(line, i));
    this.box.append(...this.lines.map((l) => l.row));
  }

  /** @param {import("./types.js").CodeLine} line @param {number} i */
  line(line, i) {
    const canvas = make("canvas", { class: "gl-strip", role: "application", "aria-roledescription": "strip of gradients", tabindex: "-1" });
    const tape = make("span", { class: "gl-tape", "aria-hidden": "true" }), tags = make("span", { class: "gl-tags" });
    const fold = make("span", { class: "gl-fold" });
    const jump = i > 0 && line.number !== this.data[i - 1].number + 1; // the lines between are another function's
    const row = make("div", { class: `gl-line${line.mark ? " gl-switch-line" : ""}${jump ? " gl-jump" : ""}` }, make("span", { class: "gl-number" }, String(line.number)),
      tape, canvas, make("code", { class: "gl-text" }, make("span", {}, line.text || " ")), tags, fold);
    if (line.mark) row.append(make("span", { class: "gl-tag gl-tag-switch" }, "◂ the switch"));
    canvas.addEventListener("mousemove", (e) => this.hover(i, e));
    canvas.addEventListener("mouseleave", () => this.say(""));
    keepKeys(canvas).addEventListener("keydown", (e) => this.key(i, e));
    canvas.addEventListener("focus", () => { this.at.line = i; this.paint(i, true); this.tell(); });
    canvas.addEventListener("blur", () => { this.paint(i); this.say(""); });
    return { row, canvas, tape, tags };
  }

  /**
   * @param {import("./types.js").Scene} scene @param {number} position @param {import("./colour.js").Scale} scale
   * @param {boolean} told whether the cut may be shown
   */
  show(scene, position, scale, told) {
    this.scene = scene; this.position = position;
    const margin = scene.sides[position].margin, zoom = this.zoom;
    let first = true;
    if (this.scale !== scale) this.drawn = [];
    this.scale = scale;
    this.box.classList.toggle("gl-stale", Boolean(scene.stale));
    this.data.forEach((line, i) => {
      const m = margin[line.number], { row, canvas, tape, tags } = this.lines[i];
      const cells = m ? m.cells : [], focused = document.activeElement === canvas, now = `${told} ${zoom} ${this.text(m)}`;
      canvas.tabIndex = cells.length && first ? 0 : -1;
      if (cells.length) first = false;
      if (this.drawn[i] === now && !focused) return;
      this.drawn[i] = now;
      tape.className = `gl-tape gl-tape-${m?.bracket || "none"}`;
      row.classList.toggle("gl-cut", Boolean(told && m?.cut));
      row.classList.toggle("gl-zero-line", Boolean(told && m?.zero));
      row.classList.toggle("gl-raised", Boolean(m?.raised));
      tags.replaceChildren(...(m ? this.tags(m, told) : []));
      if (cells.length) canvas.setAttribute("aria-label", this.summary(line, cells));
      canvas.style.visibility = cells.length ? "visible" : "hidden";
      this.paint(i, focused);
    });
    this.mark();
  }

  /**
   * Long lines go on below themselves, if all of the code then still fits: the rows that it takes. That depends on the texts
   * and the width alone, so that neither a flip nor a knob moves a line: of the tags the origin of a value counts, as it was
   * first. One row is for another tag that a wrapped line gets.
   * @param {number} rows how many there is room for @param {import("./types.js").Scene|undefined} scene
   */
  wrap(rows, scene) {
    if (scene) this.origins ??= this.data.map(({ number }) => Math.max(...scene.sides.map(({ margin }) => origin(margin[number]).length)));
    const ctx = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
    ctx.font = getComputedStyle(this.box).font;
    const letter = ctx.measureText("0").width || 7, beside = 4 * letter + BESIDE + (this.tight ? TIGHT : WIDTH) * this.zoom;
    const room = Math.max(LEAST, Math.floor((this.box.clientWidth - beside) / letter));
    const indents = this.data.map(({ text }) => text.length - text.trimStart().length);
    const taken = this.data.map(({ text }, i) => {
      const beside = this.origins?.[i] ? this.origins[i] + TAG : 0, here = Math.max(LEAST, room - beside);
      return text.length <= here ? 1 : 1 + Math.ceil((text.length - here) / Math.max(LEAST, here - indents[i] - 2));
    });
    const total = taken.reduce((n, t) => n + t, 0), long = total > this.data.length && total < rows;
    this.lines.forEach(({ row }, i) => {
      row.classList.toggle("gl-long", long && taken[i] > 1);
      row.style.setProperty("--gl-indent", `${indents[i]}ch`);
    });
    return long ? total + 1 : this.data.length;
  }

  // A line that is longer than its place ends in "…"; under the pointer it is shown whole, over its neighbours.
  /** @param {Element|null} text */
  whole(text) {
    if (text === this.shown) return;
    this.shown?.classList.remove("gl-whole", "gl-up");
    this.shown = text && text.scrollWidth > text.clientWidth ? text : null;
    if (!this.shown) return;
    const line = this.shown.getBoundingClientRect(), box = this.box.getBoundingClientRect();
    this.shown.classList.add("gl-whole");
    this.shown.classList.toggle("gl-up", line.top + line.bottom > box.top + box.bottom);
  }

  /** All that the margin of one line says, as a text to compare. @param {import("./types.js").Margin|undefined} m */
  text(m) {
    if (!m) return "";
    let text = this.texts.get(m);
    if (text === undefined) this.texts.set(m, (text = JSON.stringify(m)));
    return text;
  }

  /** @param {import("./types.js").Margin} m @param {boolean} told */
  tags(m, told) {
    const kinds = Object.fromEntries(this.kinds.map((k) => [k.value, k.mark]));
    const tag = (/** @type {string} */ kind, /** @type {string} */ text, /** @type {string} */ title) => make("span", { class: `gl-tag gl-tag-${kind}`, title }, text);
    const reads = m.reads.filter((r) => r.kind !== "ok" && r.kind !== "ran"), out = []; // ran: nothing was asked of a tape
    for (const kind of new Set(reads.map((r) => r.kind))) { // one tag a kind: several would cover the code
      const same = reads.filter((r) => r.kind === kind), names = same.map((r) => r.name).join(", ");
      out.push(tag("reads", `${same.length > 1 && names.length > 16 ? `reads ${same.length} sources` : names}: ${kinds[kind] || ""} ${kind}`, same.map((r) => r.words).join("; ")));
    }
    if (m.passed) { // "to line 23: made by Python or NumPy"
      const [, line, why] = m.passed.match(/^to line (\d+): (.*)$/) || ["", "", m.passed];
      out.push(tag("passed", origin(m), `${why}${line ? `, and read in line ${line}` : ""}: no gradient goes back beyond this value`));
    }
    if (m.missing) { // the last parts of the paths; where these are too many, how many: the tag would cover the line
      const paths = m.missing.split(", "), last = paths.map((p) => p.split("/").pop()).join(", ");
      out.push(tag("missing", `? not in the list: ${last.length > 30 ? `${paths.length} variables` : last}`, m.missing));
    }
    if (m.raised) out.push(tag("raised", `! ${m.raised.split(":")[0]}`, m.raised));
    if (told && m.cut) out.push(tag("cut", "✂ cut", m.cut));
    if (told && m.zero) out.push(tag("zero", "0 zero here", m.zero));
    return out;
  }

  /** @param {import("./types.js").CodeLine} line @param {import("./types.js").Cell[]} cells */
  summary(line, cells) {
    /** @type {Map<string, number>} */ const count = new Map();
    for (const c of cells) if (c.kind) count.set(c.kind, (count.get(c.kind) || 0) + 1);
    return `Line ${line.number}, ${cells.length} ${cells.length === 1 ? "visit" : "visits"}: ${[...count].map(([k, n]) => `${n} ${k}`).join(", ")}. Arrow keys read single visits.`;
  }

  /** @param {number} i @param {boolean} [focused] */
  paint(i, focused = false) {
    const { zoom } = this, cells = this.cells(i), width = Math.round((this.tight ? TIGHT : WIDTH) * zoom), height = Math.round(HEIGHT * zoom);
    if (!this.scale) return;
    const ctx = surface(this.lines[i].canvas, width, height);
    strip(ctx, this.scale, cells, width, height, zoom);
    if (!focused) return;
    const place = places(cells, width, zoom).find(([a, b]) => this.at.cell >= a && this.at.cell < b);
    if (place) { ctx.strokeStyle = "#d33"; ctx.lineWidth = 2; ctx.strokeRect(place[2] + 1, 1, Math.max(2, place[3] - 2), height - 2); }
  }

  repaint() { this.data.forEach((_, i) => this.paint(i)); }

  /** @param {number} i @returns {import("./types.js").Cell[]} */
  cells(i) { return this.scene?.sides[this.position ?? 0].margin[this.data[i].number]?.cells || []; }

  /** @param {number} i @param {MouseEvent} event */
  hover(i, event) {
    const box = this.lines[i].canvas.getBoundingClientRect(), x = event.clientX - box.left;
    const place = places(this.cells(i), box.width, this.zoom).find(([, , left, w]) => x >= left && x <= left + w + 1);
    if (!place) return;
    this.lines[i].canvas.title = this.words(i, place[0]);
    this.say(this.lines[i].canvas.title);
  }

  /** @param {number} i @param {number} cell */
  words(i, cell) {
    const cells = this.cells(i), c = cells[cell];
    return c ? `line ${this.data[i].number}, visit ${cell + 1} of ${cells.length}: ${c.words}` : "";
  }

  tell() { this.say(this.words(this.at.line, Math.min(this.at.cell, this.cells(this.at.line).length - 1))); }

  /** @param {number} i @param {KeyboardEvent} event */
  key(i, event) {
    const last = this.cells(i).length - 1;
    const to = /** @type {Record<string, number>} */ ({ ArrowRight: this.at.cell + 1, ArrowLeft: this.at.cell - 1, Home: 0, End: last })[event.key];
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })[event.key];
    if (to === undefined && step === undefined) return;
    event.preventDefault(); event.stopPropagation();
    if (to !== undefined) { this.at.cell = Math.max(0, Math.min(last, to)); this.paint(i, true); this.tell(); return; }
    for (let j = i + step; j >= 0 && j < this.data.length; j += step) {
      if (!this.cells(j).length || this.lines[j].row.hidden) continue;
      this.lines[i].canvas.tabIndex = -1; this.lines[j].canvas.tabIndex = 0;
      this.lines[j].canvas.focus();
      return;
    }
  }

  /** Light up the lines on the way from one source. @param {string} name */
  pick(name) { this.picked = name; this.mark(); }

  mark() {
    this.data.forEach((line, i) => {
      const m = this.scene?.sides[this.position ?? 0].margin[line.number];
      const on = Boolean(this.picked && m?.way.includes(this.picked));
      this.lines[i].row.classList.toggle("gl-way", on);
      this.lines[i].row.classList.toggle("gl-pale", Boolean(this.picked && m?.cells.length && !on));
    });
  }

  // Lines without a cell, tag or bracket's edge at either position fold, if the code is longer than its box.
  /** @param {number} rows how many lines fit */
  fold(rows) {
    this.folds?.forEach((b) => b.remove());
    const matters = this.data.map((line) => line.keep || line.mark || (this.scene?.sides || []).some(({ margin: m }) => {
      const here = m[line.number];
      return here && (here.cells.length || here.reads.length || here.cut || here.zero || here.raised || here.passed || here.missing);
    }));
    const fold = !this.open && this.data.length > rows;
    /** @type {HTMLElement[]} */ this.folds = [];
    for (let i = 0; i < this.data.length; i++) {
      let end = i;
      while (end < this.data.length && !matters[end]) end++;
      const hide = fold && end - i > 1;
      for (let j = i; j < Math.max(end, i + 1); j++) this.lines[j].row.hidden = hide;
      if (hide) {
        const button = make("button", { type: "button", class: "gl-unfold" }, `⋯ lines ${this.data[i].number} to ${this.data[end - 1].number}`);
        keepKeys(button).addEventListener("click", () => { this.open = true; this.fold(rows); });
        this.lines[i].row.before(button);
        this.folds.push(button);
      }
      i = Math.max(end - 1, i);
    }
  }
}
