// The heatmaps of all sources, fitted into a box whose size does not depend on switch or knobs.
import { make } from "./dom.js";
import { Tile } from "./tile.js";

const CAPTION = 19, WRAPPED = 31, GAP = 8, AXES = 15; // pixels in CSS, at normal size
const CELL = 26; // pixels of the largest cell
const NAMED = 268; // pixels of the name of a map and its outcome on one line
const UNDER = 17; // pixels of the line below a square map
const MAP = 275, LEAST = 170; // pixels: the most that a map beside others needs, and the least at which its cells are told apart

export class Tiles {
  /** @param {(text: string) => void} say @param {(name: string) => void} choose @param {boolean} [maps] whether all are square maps, side by side */
  constructor(say, choose, maps = false) {
    this.say = say; this.choose = choose; this.maps = maps;
    this.box = make("div", { class: "gl-tiles" });
    /** @type {Tile[]} */ this.tiles = [];
    this.fitted = false;
    this.grown = new ResizeObserver(() => this.fit());
    this.grown.observe(this.box);
  }

  /**
   * Tiles of the same names stay, so that focus and cursor do.
   * @param {import("./types.js").Scene} scene
   */
  build(scene) {
    const same = this.tiles.length === scene.tiles.length && this.tiles.every((t, i) => t.data.name === scene.tiles[i].name);
    this.fitted = false;
    if (same) { this.tiles.forEach((tile, i) => { tile.data = scene.tiles[i]; }); return; }
    this.tiles = scene.tiles.map((data) => new Tile(data, this.say, this.choose, (row) => this.light(row)));
  }

  /** @param {number} position @param {Float32Array} numbers @param {import("./colour.js").Scale} scale @param {string} view */
  show(position, numbers, scale, view) {
    this.tiles.forEach((tile) => tile.set(position, numbers, scale, view));
    if (this.fitted) this.tiles.forEach((tile) => tile.fit(tile.size.w, tile.size.h)); // the size is the same at both positions
    else this.fit();
  }

  /** The same row of every square map: what moved that state. @param {number} row */
  light(row) {
    for (const tile of this.tiles) if (tile.data.square && tile.row !== row) { tile.row = row; tile.draw(); }
  }

  /** @param {string} name the chosen source, or "" */
  pick(name) {
    for (const tile of this.tiles) {
      tile.name.setAttribute("aria-pressed", String(tile.data.name === name));
      tile.figure.classList.toggle("gl-pale", name !== "" && tile.data.name !== name);
    }
  }

  // Square maps side by side, and below each other where that would make them too small. It depends on the width alone: a
  // knob that changes the number of steps changes the cells and leaves the map its size.
  /** @param {number} width @param {number} zoom @param {number} count */
  plan(width, zoom, count) {
    const side = (/** @type {number} */ columns) => Math.floor(Math.min((width - (columns - 1) * GAP) / columns - AXES * zoom - 2, MAP * zoom));
    const columns = side(count) >= LEAST ? count : 1, room = (width - (columns - 1) * GAP) / columns, wraps = columns > 1 && room < NAMED * zoom;
    const one = (wraps ? WRAPPED : CAPTION) * zoom + 2 + side(columns) + (AXES + UNDER) * zoom, rows = Math.ceil(count / columns);
    return { columns, side: side(columns), wraps, height: Math.ceil(rows * (one + GAP) + 8) };
  }

  /** What the box needs to hold these maps. @param {number} width of the panel @param {number} zoom @param {number} count */
  tall(width, zoom, count) { return this.plan(width - 22, zoom, count).height; }

  // As many columns as make the smallest cell largest; the box itself never grows.
  fit() {
    const style = getComputedStyle(this.box), width = this.box.clientWidth - 22, height = this.box.clientHeight - 8;
    if (width < 40 || height < 30 || !this.tiles.length) return;
    this.fitted = true;
    const zoom = parseFloat(style.getPropertyValue("--gl-zoom")) || 1;
    if (this.maps) {
      const { columns, side, wraps } = this.plan(width, zoom, this.tiles.length);
      this.box.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
      for (const tile of this.tiles) {
        tile.figure.classList.toggle("gl-wrap", wraps);
        tile.fit(side / tile.extent.columns, side / tile.extent.rows);
      }
      this.place();
      return;
    }
    let best = { score: -1e9, columns: 1, h: 1 };
    for (let columns = 1; columns <= Math.min(this.tiles.length, 4); columns++) {
      const room = (width - (columns - 1) * GAP) / columns;
      for (let h = CELL * zoom; h >= 0.5; h -= 0.5) {
        const heights = this.tiles.map((tile) => this.height(tile, h, zoom, room, columns));
        let total = 0;
        for (let i = 0; i < heights.length; i += columns) total += Math.max(...heights.slice(i, i + columns)) + GAP;
        if (total - GAP > height) continue;
        const w = Math.min(...this.tiles.map((tile) => this.wide(tile, room, zoom)));
        const score = Math.min(w, h) + 0.01 * (w + h) - 13 * zoom * columns; // ties: fewer columns leave longer names whole
        if (score > best.score) best = { score, columns, h };
        break;
      }
    }
    const room = (width - (best.columns - 1) * GAP) / best.columns;
    this.box.style.gridTemplateColumns = `repeat(${best.columns}, minmax(0, 1fr))`;
    for (const tile of this.tiles) {
      tile.figure.classList.toggle("gl-wrap", best.columns > 1 && !tile.data.square);
      let w = this.wide(tile, room, zoom), h = Math.min(this.most(tile, best.h, zoom), CELL * zoom);
      if (tile.data.square) w = h = Math.min(w, h);
      tile.fit(w, h);
    }
    this.place();
  }

  place() {
    const old = [...this.box.children];
    if (old.length !== this.tiles.length || this.tiles.some((tile, i) => tile.figure !== old[i])) this.box.replaceChildren(...this.tiles.map((tile) => tile.figure));
  }

  /** @param {Tile} tile @param {number} room @param {number} zoom */
  wide(tile, room, zoom) {
    const { columns, blocks } = tile.extent, left = room - (tile.data.axes.length ? AXES * zoom : 0) - Math.max(blocks - 1, 0) * 6 - 2;
    return tile.scalar ? Math.min(left, 160 * zoom) : Math.min(CELL * zoom, left / columns);
  }

  /** @param {Tile} tile @param {number} h @param {number} zoom */
  most(tile, h, zoom) { return tile.extent.rows === 1 ? Math.max(h, 10 * zoom) : h; }

  /** @param {Tile} tile @param {number} h @param {number} zoom @param {number} room @param {number} columns */
  height(tile, h, zoom, room, columns) {
    const side = tile.data.square ? Math.min(h, this.wide(tile, room, zoom)) : this.most(tile, h, zoom);
    return (columns > 1 && !tile.data.square ? WRAPPED : CAPTION) * zoom + 2 + tile.extent.rows * side + (tile.data.axes.length ? AXES * zoom : 0) + (tile.data.square ? UNDER * zoom : 0);
  }

  end() { this.grown.disconnect(); }
}
