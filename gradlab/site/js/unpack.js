// One panel with all its positions, as `gradlab.site.pack` writes it: base 85 of gzip of a header and float32 numbers.
import { bytes } from "./digits.js";

const NORM = "\u0001", SIZE = "\u0002";

/**
 * @typedef {{name: string, values: (string|number|boolean)[], of: number}} Axis
 * @typedef {{name: string, base: {name: string, stamp: string}|null, page: any, axes: Axis[], start: Record<string, any>, trained: any, shapes: string[][], pool: any[], points: number[][]}} Header
 */

/**
 * Read the string of a panel. Raises an Error in words if it is not whole.
 * @param {string} text
 */
export async function unpack(text) {
  const packed = bytes(text), stamp = [...packed.slice(-8)].map((b) => b.toString(16).padStart(2, "0")).join(""); // gzip's checksum and length
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer(), size = new DataView(whole).getUint32(0, true);
  /** @type {Header} */ const header = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, size)));
  const shuffled = new Uint8Array(whole, 4 + size), count = shuffled.length / 4;
  if (!Number.isInteger(count)) throw new Error("its numbers are not whole");
  const sorted = new Uint8Array(4 * count);
  for (let b = 0; b < 4; b++) for (let i = 0; i < count; i++) sorted[4 * i + b] = shuffled[b * count + i];
  return new Positions(header, new Float32Array(sorted.buffer), stamp);
}

export class Positions {
  /** @param {Header} header @param {Float32Array} numbers @param {string} stamp of the string that they were read from */
  constructor(header, numbers, stamp) {
    this.header = header; this.numbers = numbers; this.stamp = stamp;
    /** @type {Map<number, any>} */ this.known = new Map(); // trees without a norm are the same object wherever they stand
  }

  /** Put the numbers of the base before the panel's own. Raises an Error if they are not those that it was packed with. @param {Positions} base */
  join(base) {
    if (base.stamp !== this.header.base?.stamp) throw new Error(`it was not built together with panels/${this.header.base?.name}.js`);
    const numbers = new Float32Array(base.numbers.length + this.numbers.length);
    numbers.set(base.numbers); numbers.set(this.numbers, base.numbers.length);
    this.numbers = numbers;
  }

  get count() { return this.header.points.length; }

  /** The knobs at a position. @param {number} index */
  knobs(index) {
    /** @type {Record<string, any>} */ const found = {};
    for (const axis of [...this.header.axes].reverse()) { found[axis.name] = axis.values[index % axis.values.length]; index = Math.floor(index / axis.values.length); }
    return Object.fromEntries(this.header.axes.map((axis) => [axis.name, found[axis.name]]));
  }

  /** The position of these knobs, each moved to the nearest value that there is. @param {Record<string, any>} knobs */
  index(knobs) { return this.header.axes.reduce((at, axis) => at * axis.values.length + nearest(axis.values, knobs[axis.name]), 0); }

  /**
   * Scene and numbers of a position as a notebook's page is sent them, under one stamp.
   * @param {number} index @param {number} stamp
   */
  at(index, stamp) {
    const [tree, count, norms, ...runs] = this.header.points[index];
    const scene = { ...this.tree(tree, { norms: this.numbers.subarray(norms, norms + count), next: 0 }), stamp };
    const sizes = /** @type {number[][]} */ (scene.tiles.flatMap((/** @type {any} */ t) => t.entries.filter((/** @type {any} */ e) => e.offset >= 0)
      .map((/** @type {any} */ e) => [e.offset, e.rows * e.columns]))).sort((a, b) => a[0] - b[0]);
    const data = new Float32Array(1 + scene.length);
    data[0] = stamp;
    runs.forEach((run, i) => data.set(this.numbers.subarray(run, run + sizes[i][1]), 1 + sizes[i][0]));
    return { scene, data: new DataView(data.buffer) };
  }

  /** @param {number} at @param {{norms: Float32Array, next: number}} own @returns {any} */
  tree(at, own) {
    if (this.known.has(at)) return this.known.get(at);
    const entry = this.header.pool[at], before = own.next;
    if (!Array.isArray(entry)) return entry;
    let found, varies = false;
    if (entry[0] < 0) found = entry.slice(1).map((/** @type {number} */ i) => this.tree(i, own));
    else {
      const keys = this.header.shapes[entry[0]];
      found = /** @type {Record<string, any>} */ ({});
      for (let k = 0; k < keys.length; k++) {
        let value = this.tree(entry[k + 1], own);
        if (value === NORM) { value = own.norms[own.next++]; varies = true; }
        else if (typeof value === "string" && value.includes(SIZE)) value = value.replace(SIZE, inWords(found.norm));
        found[keys[k]] = value;
      }
    }
    if (!varies && own.next === before) this.known.set(at, found);
    return found;
  }
}

/** A norm as Python writes it: 1.23e-03. @param {number} norm */
function inWords(norm) { return norm.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2"); }

/** @param {any[]} values @param {any} wanted */
export function nearest(values, wanted) {
  const same = values.findIndex((v) => String(v) === String(wanted));
  if (same >= 0 || typeof values[0] !== "number") return Math.max(0, same);
  let best = 0;
  values.forEach((v, i) => { if (Math.abs(v - Number(wanted)) < Math.abs(values[best] - Number(wanted))) best = i; });
  return best;
}
