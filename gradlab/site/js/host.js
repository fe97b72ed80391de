// One panel on a page: its data when it comes near the window, its place in the address, what to say when data is missing.
import { Model } from "./model.js";
import { read, written } from "./state.js";
import { unpack } from "./unpack.js";

const NEAR = "600px"; // how far from the window a panel is when its data is fetched

/**
 * The panel's own module and what the bundle gives beside it.
 * @typedef {{render: (context: {model: any, el: HTMLElement}) => () => void, colours: string, base: string}} Parts
 */

export class Host {
  /** @param {HTMLElement} place @param {string} id @param {Parts} parts @param {boolean} single whether the page has no other panel */
  constructor(place, id, parts, single) {
    this.place = place; this.id = id; this.parts = parts; this.single = single ? id : ""; this.name = place.dataset.panel || "";
    /** @type {Promise<void>|undefined} */ this.shown = undefined;
    this.picture = [...place.children];
    this.watcher = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) this.show(); }, { rootMargin: NEAR });
    this.watcher.observe(place);
  }

  /** Draw the panel, once. @returns {Promise<void>} */
  show() { this.shown ??= this.load().catch((error) => this.fail(error)); return this.shown; }

  async load() {
    this.watcher.disconnect();
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is older than 2023 and can't unpack the data. Take a newer one.");
    const text = await fetched(this.name, this.parts.base);
    let positions;
    try { positions = await unpack(text); } catch (error) { throw new Error(`the data of the panel ${this.name} is damaged (${/** @type {Error} */ (error).message}). Fetch or build the site again.`); }
    const { place } = this, state = this.asked();
    const colours = new DataView(Uint8Array.from(atob(this.parts.colours), (c) => c.charCodeAt(0)).buffer);
    const given = JSON.parse(place.dataset.knobs || "{}");
    this.model = new Model(positions, colours, { position: Number(state?.bug ?? place.dataset.bug === "1"), knobs: state ? { ...given, ...state.knobs } : given,
      predict: place.dataset.predict === "1" && (state?.bug ?? null) === null });
    const el = document.createElement("div");
    el.className = "gradlab-panel";
    place.replaceChildren(el, this.footer(positions));
    this.parts.render({ model: this.model, el });
    this.model.on("change:position", () => this.moved());
    this.model.on("change:scene", () => this.moved());
    place.dataset.state = "ready";
  }

  /** The line below the panel: what the page holds, and the link to this position. @param {import("./unpack.js").Positions} positions */
  footer(positions) {
    const line = document.createElement("p"), whole = positions.header.axes.reduce((n, axis) => n * axis.of, 1);
    line.className = "gradlab-below";
    const words = positions.count < whole ? `This page holds ${positions.count.toLocaleString("en")} of the ${whole.toLocaleString("en")} positions of the knobs, evenly chosen; a notebook has all of them. ` : "";
    const copy = document.createElement("button"), said = document.createElement("span");
    copy.type = "button"; copy.textContent = "Copy link to this position";
    said.setAttribute("role", "status");
    copy.addEventListener("click", async () => {
      const address = new URL(this.hash, location.href).href;
      try { await navigator.clipboard.writeText(address); said.textContent = " copied"; }
      catch { history.replaceState(null, "", this.hash); said.textContent = " the browser does not allow it; the link stands in its address line now"; }
    });
    line.append(words, copy, said);
    return line;
  }

  get hash() {
    const knobs = this.model?.get("knobs") || {}, words = Object.fromEntries(Object.entries(knobs).map(([k, v]) => [k, String(v)])), now = read(location.hash, this.single);
    const same = now?.panel === this.id;
    return written({ panel: this.id, bug: this.model?.get("position") === 1, knobs: words, only: Boolean(same && now?.only), large: Boolean(same && now?.large) });
  }

  moved() { if (!this.following) history.replaceState(null, "", this.hash); }

  /** What the address asks of this panel. */
  asked() { const state = read(location.hash, this.single); return state?.panel === this.id ? state : null; }

  /** Go where the address says. */
  async follow() {
    const state = this.asked();
    if (!state) return;
    await this.show();
    if (this.model) {
      this.following = true; // what is shown is what the address says already
      this.model.set("knobs", this.model.snapped(state.knobs, this.model.get("knobs")));
      if (state.bug !== null) this.model.set("position", Number(state.bug));
      this.following = false;
    }
    document.documentElement.classList.toggle("gradlab-only", state.only);
    this.place.classList.toggle("gradlab-alone", state.only);
    if (state.large) { const large = /** @type {HTMLElement|null} */ (this.place.querySelector(".gl-head .gl-button[aria-pressed=false]")); large?.click(); }
    if (!state.only) this.place.scrollIntoView({ block: "start" });
  }

  /** @param {unknown} error */
  fail(error) {
    const line = document.createElement("p");
    line.className = "gradlab-failed"; line.setAttribute("role", "alert");
    line.textContent = `! This panel can't be shown: ${error instanceof Error ? error.message : error} The picture below shows how it begins.`;
    this.place.replaceChildren(line, ...this.picture);
    for (const picture of this.place.querySelectorAll("img")) picture.loading = "eager"; // it was not drawn, and so not fetched
    this.place.dataset.state = "failed";
  }
}

/**
 * The packed string of a panel, from the page itself or from its own classic script: a page from a disk may not fetch.
 * @param {string} name @param {string} base @returns {Promise<string>}
 */
function fetched(name, base) {
  const store = /** @type {any} */ (window).gradlabData ??= {};
  if (store[name]) return Promise.resolve(store[name]);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const missing = () => reject(new Error(`the file panels/${name}.js is missing or damaged. Copy the whole folder of the site, or build it again.`));
    script.src = `${base}panels/${name}.js`;
    script.addEventListener("load", () => { script.remove(); if (store[name]) resolve(store[name]); else missing(); });
    script.addEventListener("error", missing);
    document.head.append(script);
  });
}
