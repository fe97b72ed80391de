// Colours, hatches and single cells. A colour means a number: the scale belongs to the scenario and never moves.
import { number } from "./dom.js";

const TINY = 1.1754944e-38; // the smallest normal float32, a rounding above it
/** @type {Record<string, number[][]>} */
const LINES = {
  "//": [[0, 8, 8, 0]], "xx": [[0, 0, 8, 8], [0, 8, 8, 0]],
  "--": [[0, 4, 8, 4]], "++": [[0, 4, 8, 4], [4, 0, 4, 8]],
};
const DOTTED = 7; // pixels of a cell of a map that has a dot of its own; smaller ones share a lattice, whose dots stand evenly
const RING = 2.6, APART = 13; // pixels: the radius of a ring of the hatch "O", and from one to the next, so that the colours between are seen

/**
 * Lay a hatch over a box. Two strokes, one light and one dark, so that it is seen on dark and on bright colours.
 * @param {CanvasRenderingContext2D} ctx @param {string} name @param {number} x @param {number} y
 * @param {number} w @param {number} h @param {string} ink @param {string} [edge]
 */
export function hatch(ctx, name, x, y, w, h, ink, edge = "") {
  ctx.save();
  ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip();
  const path = new Path2D();
  const step = name === "O" ? APART : 8;
  for (let i = x; i < x + w; i += step) for (let j = y; j < y + h; j += step) {
    if (name === ".") { ctx.fillStyle = ink; ctx.fillRect(i + 3, j + 3, 2, 2); }
    if (name === "O") { path.moveTo(i + 4 + RING, j + 4); path.arc(i + 4, j + 4, RING, 0, 2 * Math.PI); }
    for (const [a, b, c, d] of LINES[name] || []) { path.moveTo(i + a, j + b); path.lineTo(i + c, j + d); }
  }
  if (edge) { ctx.strokeStyle = edge; ctx.lineWidth = 3; ctx.stroke(path); }
  ctx.strokeStyle = ink; ctx.lineWidth = 1.2; ctx.stroke(path);
  ctx.restore();
}

/** The colour scale of one scenario, in log10 of the size. */
export class Scale {
  /** @param {number} low @param {number} high @param {Uint8Array} colours 256 of the sizes, then 256 of the signs */
  constructor(low, high, colours) { Object.assign(this, { low, high, colours }); this.low = low; this.high = high; this.colours = colours; }

  /** @param {number} at 0 to 255 @param {number} from first colour of the map */
  rgb(at, from = 0) {
    const i = 3 * (from + Math.max(0, Math.min(255, Math.round(at)))), c = this.colours;
    return `rgb(${c[i]},${c[i + 1]},${c[i + 2]})`;
  }

  /** Where a size stands on the scale, 0 to 1, outside of that where the scale ends. @param {number} v */
  at(v) { return (Math.log10(Math.abs(v)) - this.low) / (this.high - this.low); }

  /** @param {number} v */
  size(v) { return this.rgb(this.index(v, false) / 3); }

  /** The sign chooses the half of the diverging map, the size how far from its middle. @param {number} v */
  sign(v) { return this.rgb(this.index(v, true) / 3 - 256, 256); }

  /** Where the colour of a value begins in `colours`. @param {number} v @param {boolean} signed */
  index(v, signed) {
    const at = signed ? 127.5 + Math.sign(v) * (12 + 115 * Math.max(0, Math.min(1, this.at(v)))) : 255 * this.at(v);
    return 3 * ((signed ? 256 : 0) + Math.max(0, Math.min(255, Math.round(at))));
  }

  /** @param {number} v the number in words, with what the scale can't show */
  words(v) {
    const text = number(v);
    if (!v || !Number.isFinite(v)) return text;
    if (Math.abs(v) <= TINY) return "under 1.2e-38, below the colour scale"; // Python sends what is smaller as this
    return text + (this.at(v) < 0 ? ", below the colour scale" : this.at(v) > 1 ? ", above the colour scale" : "");
  }
}

/**
 * One value as a cell: a colour, black with a dot for an exact zero, red crosses for what is not finite.
 * @param {CanvasRenderingContext2D} ctx @param {Scale} scale @param {number} v
 * @param {number} x @param {number} y @param {number} w @param {number} h @param {boolean} [signed]
 */
export function cell(ctx, scale, v, x, y, w, h, signed = false) {
  if (!Number.isFinite(v)) {
    ctx.fillStyle = "#fff"; ctx.fillRect(x, y, w, h); hatch(ctx, "xx", x, y, w, h, "#b00020");
  } else if (v === 0) {
    ctx.fillStyle = "#000"; ctx.fillRect(x, y, w, h);
    ctx.fillStyle = "#fff";
    if (w > 5 && h > 5) ctx.fillRect(Math.round(x + w / 2) - 1, Math.round(y + h / 2) - 1, 2, 2);
    else lattice(ctx, x, y, w, h);
  } else {
    ctx.fillStyle = signed ? scale.sign(v) : scale.size(v); ctx.fillRect(x, y, w, h);
  }
}

// Cells too small for a dot of their own share a lattice of dots, so that an area of zeros is told from one of tiny values.
/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} w @param {number} h */
function lattice(ctx, x, y, w, h) {
  for (let i = Math.ceil(x / 8) * 8; i < x + w; i += 8) for (let j = Math.ceil(y / 8) * 8; j < y + h; j += 8) ctx.fillRect(i, j, 2, 2);
}

/**
 * A whole map of equal cells as one picture: ten thousand boxes would take longer than a frame. Signs on cells as in `cell`.
 * @param {CanvasRenderingContext2D} ctx @param {Scale} scale @param {(row: number, column: number) => number} value
 * @param {number} rows @param {number} columns @param {number} width @param {number} height @param {boolean} signed
 */
export function map(ctx, scale, value, rows, columns, width, height, signed) {
  const small = document.createElement("canvas"), w = width / columns, h = height / rows;
  small.width = columns; small.height = rows;
  const inner = /** @type {CanvasRenderingContext2D} */ (small.getContext("2d")), image = inner.createImageData(columns, rows);
  /** @type {[number, number, number][]} */ const odd = []; // cells with a sign of their own
  const zero = new Uint8Array(rows * columns), dotted = w > DOTTED && h > DOTTED;
  for (let r = 0, i = 0; r < rows; r++) for (let c = 0; c < columns; c++, i++) {
    const v = value(r, c), at = v === 0 || !Number.isFinite(v) ? -1 : scale.index(v, signed);
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = at < 0 ? 0 : scale.colours[at + k];
    image.data[4 * i + 3] = 255;
    if (v === 0) zero[i] = 1;
    if (!Number.isFinite(v) || (v === 0 && dotted)) odd.push([v, r, c]);
  }
  inner.putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(small, 0, 0, width, height);
  for (const [v, r, c] of odd) { const x = Math.round(c * w), y = Math.round(r * h); cell(ctx, scale, v, x, y, Math.round((c + 1) * w) - x, Math.round((r + 1) * h) - y, signed); }
  if (dotted) return;
  ctx.fillStyle = "#fff";
  for (let x = 0; x < width; x += 8) for (let y = 0; y < height; y += 8) if (zero[Math.floor(y / h) * columns + Math.floor(x / w)]) ctx.fillRect(x, y, 2, 2);
}

/**
 * A box without values: pale, hatched as its kind.
 * @param {CanvasRenderingContext2D} ctx @param {string} name @param {number} x @param {number} y @param {number} w @param {number} h
 */
export function absent(ctx, name, x, y, w, h) {
  ctx.fillStyle = "#f4f4f4"; ctx.fillRect(x, y, w, h);
  hatch(ctx, name, x, y, w, h, "#555");
}

/**
 * A canvas of that many CSS pixels, sharp on any screen, cleared.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 */
export function surface(canvas, width, height) {
  const scale = window.devicePixelRatio || 1, wide = Math.round(width * scale), high = Math.round(height * scale);
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (canvas.width !== wide || canvas.height !== high) { // a new size costs a new buffer, and a layout of the page
    canvas.width = wide; canvas.height = high;
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  }
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}
