// The strip of one line: a cell for each visit, in as many pixels as there are.
import { hatch } from "./colour.js";

const WIDEST = 22; // pixels of one cell, so that a single visit does not look like a bar
const NARROWEST = 1;
const GAP = 4; // pixels between two turns of an outer loop

const STRIPE = 6; // pixels: a lower stripe of one question can't be told from its neighbours

/** Cells in the order in which they win where several share a pixel. */
const LOUD = ["not finite", "none", "zero", "outside", "unused", "ok", "ran", ""];

/**
 * One cell of a strip by its kind.
 * @param {CanvasRenderingContext2D} ctx @param {import("./colour.js").Scale} scale @param {{kind: string, norm: number|null}} cell
 * @param {number} x @param {number} y @param {number} w @param {number} h
 */
export function visit(ctx, scale, cell, x, y, w, h) {
  const box = (/** @type {string} */ fill) => { ctx.fillStyle = fill; ctx.fillRect(x, y, w, h); };
  if (cell.kind === "ok") box(scale.size(/** @type {number} */ (cell.norm)));
  else if (cell.kind === "zero") { box("#000"); ctx.fillStyle = "#fff"; ctx.fillRect(x + w / 2 - 1, y + h / 2 - 1, Math.min(2, w), 2); }
  else if (cell.kind === "none") { box("#fff"); hatch(ctx, "//", x, y, w, h, "#444"); edge(ctx, x, y, w, h, "#767676"); }
  else if (cell.kind === "not finite") { box("#fff"); hatch(ctx, "xx", x, y, w, h, "#b00020"); edge(ctx, x, y, w, h, "#b00020"); }
  else if (cell.kind === "outside") { box("#fff"); hatch(ctx, ".", x, y, w, h, "#767676"); edge(ctx, x, y, w, h, "#767676"); }
  else if (cell.kind === "unused") { box("#fff"); hatch(ctx, "//", x, y, w, h, "#bbb"); edge(ctx, x, y, w, h, "#bbb"); }
  else if (cell.kind === "ran") box("#c8c8c8");
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {string} ink */
function edge(ctx, x, y, w, h, ink) {
  if (w < 4) return; // narrow cells would be nothing but edges
  ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
}

/**
 * Where each cell of a strip stands: [first visit, last visit + 1, x, width], right-aligned, a gap before another turn of
 * an outer loop.
 * @param {import("./types.js").Cell[]} cells @param {number} width @param {number} zoom
 * @returns {[number, number, number, number][]}
 */
export function places(cells, width, zoom) {
  const count = cells.length;
  if (!count) return [];
  const gaps = count < width / 2 ? cells.filter((c) => c.gap).length : 0, wide = Math.min(GAP * zoom, width / 4 / Math.max(1, gaps));
  const room = width - gaps * wide, shown = Math.min(count, Math.floor(room / NARROWEST)), w = Math.min(WIDEST * zoom, room / shown);
  const found = [];
  let x = width - shown * w - gaps * wide;
  for (let i = 0; i < shown; i++) {
    const first = Math.floor((i * count) / shown), last = Math.floor(((i + 1) * count) / shown);
    if (gaps && cells[first].gap) x += wide;
    const left = Math.round(x), right = Math.round((x += w));
    found.push(/** @type {[number, number, number, number]} */ ([first, last, left, Math.max(1, right - left - (w >= 4 ? 1 : 0))]));
  }
  return found;
}

/**
 * What stands for a visit with more questions than there is room for: the largest gradient that any of them brings.
 * @param {import("./types.js").Cell} cell @returns {{kind: string, norm: number|null}}
 */
function strongest(cell) {
  const sized = cell.more.filter((q) => q.kind === "ok").sort((a, b) => Number(b.norm) - Number(a.norm));
  return sized[0] ?? cell.more.find((q) => q.kind) ?? cell;
}

/**
 * All cells of a line. Where several visits share a place, its upper half is the largest of them and its lower half the
 * smallest, and a kind without a size wins over one with. Several questions lie below each other, the first on top,
 * while each has pixels enough; else the largest stands for all, and the words of the visit count them.
 * @param {CanvasRenderingContext2D} ctx @param {import("./colour.js").Scale} scale @param {import("./types.js").Cell[]} cells
 * @param {number} width @param {number} height @param {number} zoom
 */
export function strip(ctx, scale, cells, width, height, zoom) {
  for (const [first, last, x, w] of places(cells, width, zoom)) {
    const here = cells.slice(first, last).sort((a, b) => LOUD.indexOf(a.kind) - LOUD.indexOf(b.kind));
    const sized = here.filter((c) => c.kind === "ok").sort((a, b) => Number(b.norm) - Number(a.norm));
    const questions = here[0].more;
    if (here.length > 1 && sized.length === here.length) {
      visit(ctx, scale, sized[0], x, 0, w, height / 2);
      visit(ctx, scale, sized[sized.length - 1], x, height / 2, w, height / 2);
    } else if (here.length === 1 && questions.length > 1 && questions.length * STRIPE <= height) {
      questions.forEach((q, i) => visit(ctx, scale, q, x, (i * height) / questions.length, w, height / questions.length));
    } else visit(ctx, scale, here.length === 1 ? strongest(here[0]) : here[0], x, 0, w, height);
  }
}
