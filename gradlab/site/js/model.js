// What a panel takes for its model where there is no kernel: traits in this page, each knob's position from the packed ones.
import { Positions, nearest } from "./unpack.js";

/** @typedef {(...args: any[]) => void} Call */

export class Model {
  /**
   * @param {Positions} positions @param {DataView} colours
   * @param {{position: number, knobs: Record<string, any>, predict: boolean}} start where switch and knobs stand at first
   */
  constructor(positions, colours, start) {
    this.positions = positions; this.stamp = 0;
    /** @type {Record<string, Call[]>} */ this.calls = {};
    const knobs = this.snapped(start.knobs, positions.header.start), { page } = positions.header;
    /** @type {Record<string, any>} */
    this.traits = { page: { ...page, start: start.position, predict: start.predict, knobs: page.knobs.map((/** @type {any} */ k) => ({ ...k, start: knobs[k.name] })) },
      colours, position: start.position, knobs, asked: 0, answered: 0, working: false, seen: [], said: [], progress: [0, 0], trained: {} };
    this.load();
    this.on("change:knobs", () => this.turned());
    this.on("change:asked", () => this.set("answered", this.get("asked"))); // the answer is there before the question is over
  }

  /** @param {string} name */
  get(name) { return this.traits[name]; }

  /** @param {string} name @param {any} value */
  set(name, value) {
    if (this.traits[name] === value) return;
    this.before = name === "knobs" ? this.traits.knobs : this.before;
    this.traits[name] = value;
    for (const call of [...(this.calls[`change:${name}`] || [])]) call();
  }

  /** @param {string} event @param {Call} call */
  on(event, call) { (this.calls[event] ??= []).push(call); }

  /** @param {string} event @param {Call} call */
  off(event, call) { this.calls[event] = (this.calls[event] || []).filter((c) => c !== call); }

  save_changes() {} // there is nobody to save for

  /** @param {any} content */
  send(content) { if (content?.ask === "train") this.set("trained", this.atStart ? this.positions.header.trained : {}); }

  /** Whether the knobs stand where the panel was trained. */
  get atStart() { return Object.entries(this.positions.header.start).every(([name, value]) => this.traits.knobs[name] === value); }

  turned() {
    const knobs = this.snapped(this.get("knobs"), this.before || this.get("knobs"));
    if (Object.keys(knobs).some((name) => knobs[name] !== this.get("knobs")[name])) this.set("knobs", knobs); // comes back here
    else this.load();
  }

  load() {
    const { scene, data } = this.positions.at(this.positions.index(this.get("knobs")), ++this.stamp);
    const elsewhere = this.get("page").steps && !this.atStart ? "This page holds the training for the knobs' first position only; in a notebook every position can be trained" : "";
    this.set("trained", {});
    this.set("data", data); // not drawn before the scene with the same stamp is there
    this.set("scene", { ...scene, untrainable: scene.untrainable || elsewhere });
  }

  /**
   * The nearest values that there are. An arrow key that asks for a value between two gets the next one in its direction.
   * @param {Record<string, any>} wanted @param {Record<string, any>} now
   */
  snapped(wanted, now) {
    return Object.fromEntries(this.positions.header.axes.map(({ name, values }) => {
      const asked = wanted[name] ?? now[name];
      let at = nearest(values, asked);
      const before = values.indexOf(now[name]);
      if (typeof asked === "number" && at === before && asked !== now[name]) at = Math.max(0, Math.min(values.length - 1, at + Math.sign(asked - now[name])));
      return [name, values[at]];
    }));
  }
}
