// The line of outcome, what folds out of it, the key and the scale. Nothing of a position that was not seen.
import { absent, cell, hatch } from "./colour.js";
import { make } from "./dom.js";

// Characters of an exception or of the cut in the line of outcome: with them the longest outcome of the lab's scenarios
// still has room in its two lines (tools/panel_heights.py tells where it has not). Evidence has all of it.
const MOST = 140;

/** As many whole words as there is room for. @param {string} text */
const brief = (text) => (text.length > MOST ? `${text.slice(0, MOST + 1).replace(/\s+\S*$/, "").slice(0, MOST)} …` : text);

/** @typedef {import("./types.js").Scene} Scene */

/**
 * The outcome of one position in a line: mark, kind, sources; the cut and the verdict once they may be told.
 * @param {import("./types.js").Page} page @param {Scene} scene @param {number} position @param {boolean} told
 */
export function outcome(page, scene, position, told) {
  const side = scene.sides[position], parts = [];
  for (const { kind, names } of side.groups) {
    const look = page.kinds.find((k) => k.value === kind);
    parts.push(make("span", { class: `gl-outcome gl-kind-${kind.replace(" ", "-")}` }, make("b", {}, `${look?.mark ?? ""} ${kind}`), side.error ? "" : `${look && look.word !== kind ? ` (${look.word})` : ""}: ${names.join(", ")}`));
  }
  if (scene.failed) parts.push(make("span", { class: "gl-outcome gl-error" }, make("b", {}, `! ${scene.failed.heading}: ${scene.failed.sentence}`)));
  if (side.error) parts.push(make("span", { class: "gl-outcome gl-error", title: side.error.sentence }, make("b", {}, `! ${brief(side.error.sentence)}`), side.error.line && !Object.values(side.margin).some((m) => m.raised) ? ` in: ${side.error.line}` : ""));
  if (told && position === 1 && scene.cut) parts.push(make("span", { class: "gl-outcome gl-cut-words", title: scene.cut }, `✂ ${brief(scene.cut)}`));
  return parts;
}

/**
 * Rows of label and text as a table that is a table; no live region, so that a knob does not read it out again.
 * @param {[string, string][]} rows @param {string} caption
 */
export function facts(rows, caption) {
  return make("table", {}, make("caption", {}, caption), make("tbody", {},
    ...rows.map(([label, text]) => make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, text)))));
}

/**
 * All readings of a position in words.
 * @param {import("./types.js").Page} page @param {Scene} scene @param {number} position @param {boolean} both
 */
export function table(page, scene, position, both) {
  const head = ["gradient of", "shape", "what it is", "largest", "evidence"];
  const body = scene.tiles.map(({ name, entries, compared }) => {
    const e = entries[position], note = [e.note, both && position === 1 ? compared : ""].filter(Boolean).join("; ");
    return make("tr", {}, make("th", { scope: "row" }, name), ...[e.size, `${e.mark} ${e.word}`, e.largest || "-", note || "-"].map((text) => make("td", {}, text)));
  });
  return make("table", {}, make("caption", {}, `The same in words, with the switch at "${page.positions[position]}"`),
    make("thead", {}, make("tr", {}, ...head.map((h) => make("th", { scope: "col" }, h)))), make("tbody", {}, ...body));
}

/** An exception with its traceback. @param {import("./types.js").Fault} fault */
export function fault(fault) {
  return make("div", { class: "gl-fault" }, make("b", {}, `! ${fault.heading}`), make("div", {}, fault.sentence),
    fault.line ? make("div", {}, "raised by the line ", make("code", {}, fault.line)) : "", make("pre", { tabindex: "0", role: "region", "aria-label": "Traceback" }, fault.trace));
}

/** The colour bar with its ends and float32's limits. @param {Scene} scene @param {import("./colour.js").Scale} scale @param {boolean} signed */
export function scaleBar(scene, scale, signed) {
  const power = (/** @type {number} */ p) => (Number.isInteger(p) ? `1e${p}` : (10 ** p).toExponential(0));
  const limits = scene.limits.map((l) => l.words).join("; ");
  const bar = make("canvas", { class: "gl-bar", role: "img", title: limits,
    "aria-label": `Colour scale of this scenario, logarithmic, from ${power(scene.low)} (dark) to ${power(scene.high)} (bright). ${limits}` });
  bar.width = 160; bar.height = 12;
  const ctx = /** @type {CanvasRenderingContext2D} */ (bar.getContext("2d"));
  for (let i = 0; i < 160; i++) {
    ctx.fillStyle = signed ? scale.rgb((255 * i) / 159, 256) : scale.rgb((255 * i) / 159);
    ctx.fillRect(i, 0, 1, 12);
  }
  for (const { at } of scene.limits) {
    const x = Math.round((160 * (at - scene.low)) / (scene.high - scene.low));
    if (signed || x < 0 || x > 160) continue;
    ctx.fillStyle = "#fff"; ctx.fillRect(x - 1, 0, 3, 12); ctx.fillStyle = "#b00020"; ctx.fillRect(x, 0, 1, 12);
  }
  return make("span", { class: "gl-scale" }, signed ? `−${power(scene.high)}` : `gradient size ${power(scene.low)}`, bar, power(scene.high));
}

/** The key of marks and patterns, from Python's own list of kinds. @param {import("./types.js").Page} page @param {Scene} scene */
export function key(page, scene) {
  const boxes = page.kinds.map(({ value, mark, word, hatch: pattern }) => {
    const box = make("canvas", { "aria-hidden": "true" }); box.width = 24; box.height = 14;
    const ctx = /** @type {CanvasRenderingContext2D} */ (box.getContext("2d"));
    if (value === "ok" || value === "wrong") { ctx.fillStyle = "#21918c"; ctx.fillRect(0, 0, 24, 14); if (value === "wrong") hatch(ctx, pattern, 0, 0, 24, 14, "#fff", "rgba(0,0,0,.75)"); }
    else if (value === "zero" || value === "not finite") cell(ctx, /** @type {any} */ (null), value === "zero" ? 0 : NaN, 0, 0, 24, 14);
    else absent(ctx, pattern, 0, 0, 24, 14);
    return make("li", {}, box, make("span", {}, `${mark} ${value}${word === value ? "" : `: ${word}`}`));
  });
  const margin = ["blue bar: the tape records these lines; dotted: it records a part of them", "one cell of a strip: one visit of the line (each time it ran), coloured by the norm of d loss / d value",
    "✂ cut: the line on which the path from the loss ends, or its gradient becomes zero; ⇢ passed on: the value is made outside the tape, or by Python or NumPy, and read further down",
    "pale hatch: no op uses the value; dots: made outside the tape; grey: it ran, and nothing was asked", ...scene.limits.map((l) => `red mark on the scale: ${l.words}`)];
  return make("div", {}, make("ul", { class: "gl-key" }, ...boxes), make("ul", { class: "gl-key" }, ...margin.map((t) => make("li", {}, t))));
}
