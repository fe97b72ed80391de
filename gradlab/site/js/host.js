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
    /** @type {(() => void)|undefined} */ this.end = undefined;
    this.picture = [...place.children];
    this.said = document.createElement("p"); // there before it has words: a screen reader hears what changes in it
    this.said.className = "gradlab-corrected"; this.said.setAttribute("role", "status");
    this.watcher = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) this.show(); }, { rootMargin: NEAR });
    this.watcher.observe(place);
    // A panel that is not drawn yet has nothing that takes the focus, so Tab would pass it by.
    place.tabIndex = 0; place.setAttribute("role", "group"); place.setAttribute("aria-label", "A panel, drawn when you come to it");
    place.addEventListener("focus", () => this.show());
  }

  /** Draw the panel, once. @returns {Promise<void>} */
  show() { this.shown ??= this.load().catch((error) => this.fail(error)); return this.shown; }

  async load() {
    this.watcher.disconnect();
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is older than 2023 and can't unpack the data. Take a newer one.");
    this.draw(this.positions = await this.unpacked(this.name));
  }

  /** A panel with all its positions, with the numbers of its base if it has one. @param {string} name @returns {Promise<import("./unpack.js").Positions>} */
  async unpacked(name) {
    const text = await fetched(name, this.parts.base), positions = await told(name, () => unpack(text)), { base } = positions.header;
    if (base) { const other = await this.unpacked(base.name); await told(name, () => positions.join(other)); }
    return positions;
  }

  /** @param {import("./unpack.js").Positions} positions */
  draw(positions) {
    this.end?.();
    const { place } = this, state = this.asked(), asks = place.dataset.predict === "1" && state?.predict !== false;
    const colours = new DataView(Uint8Array.from(atob(this.parts.colours), (c) => c.charCodeAt(0)).buffer);
    const given = JSON.parse(place.dataset.knobs || "{}"), begun = Number(place.dataset.bug === "1");
    // A question comes before the position that answers it, whatever the address says: &predict=off leaves it out.
    this.model = new Model(positions, colours, { position: asks ? begun : Number(state?.bug ?? begun), knobs: state ? { ...given, ...state.knobs } : given, predict: asks });
    const el = document.createElement("div"), focused = document.activeElement === place;
    el.className = "gradlab-panel";
    place.replaceChildren(this.said, el, this.footer(positions));
    this.end = this.parts.render({ model: this.model, el });
    for (const trait of ["position", "scene", "said"]) this.model.on(`change:${trait}`, () => this.moved());
    for (const name of ["tabindex", "role", "aria-label"]) place.removeAttribute(name);
    place.dataset.state = "ready";
    if (focused) /** @type {HTMLElement|null} */ (place.querySelector("button, input, select, [tabindex='0']"))?.focus();
    if (state) this.tell(state);
  }

  /** Whether the panel waits for a prediction: nothing is told before. */
  get waits() { return Boolean(this.model?.get("page").predict && !this.model.get("said").length); }

  /** Say in words what of the address this page does not hold, and put into the address what is shown. @param {import("./state.js").State} state */
  tell(state) {
    const { axes } = /** @type {import("./unpack.js").Positions} */ (this.positions).header, shown = this.model?.get("knobs") || {};
    const words = [...state.odd];
    for (const [name, wanted] of Object.entries(state.knobs)) {
      const axis = axes.find((one) => one.name === name);
      if (!axis) words.push(`${name} is no knob of this panel`);
      else if (String(shown[name]) !== wanted && Number(wanted) !== shown[name]) words.push(`${name}=${wanted} is not on this page; ${name}=${shown[name]} is shown`);
    }
    const odd = words.length > 0;
    if (this.waits && state.bug !== null && Number(state.bug) !== this.model?.get("position")) words.push("Lock in your answer first, then flip the switch");
    setTimeout(() => { this.said.textContent = words.length ? `${odd ? "The link does not fit this page: " : ""}${words.join(". ")}.` : ""; }); // after it is part of the page
    if (odd) history.replaceState(null, "", this.hash);
  }

  /** The line below the panel: what the page holds, and the link to this position. @param {import("./unpack.js").Positions} positions */
  footer(positions) {
    const line = document.createElement("p"), whole = positions.header.axes.reduce((n, axis) => n * axis.of, 1);
    line.className = "gradlab-below";
    const thinned = positions.header.axes.filter((axis) => axis.values.length < axis.of).map((axis) => `${axis.name} ${axis.values.join(", ")}`);
    const words = positions.count < whole ? `This page holds ${positions.count.toLocaleString("en")} of the ${whole.toLocaleString("en")} positions of the knobs (${thinned.join("; ")}); a notebook has all of them. ` : "";
    const copy = document.createElement("button"), said = document.createElement("span");
    copy.type = "button"; copy.textContent = "Copy link to this position";
    said.setAttribute("role", "status");
    copy.addEventListener("click", async () => {
      const address = new URL(this.hash, location.href).href;
      try { await navigator.clipboard.writeText(address); said.textContent = ` copied${this.elsewhere(address)}`; }
      catch { history.replaceState(null, "", this.hash); said.textContent = " the browser does not allow it; the link stands in its address line now"; }
    });
    const fill = document.createElement("button");
    fill.type = "button"; fill.textContent = "Fill the window"; fill.title = "For a projector: this panel alone, and large";
    fill.addEventListener("click", () => { location.hash = this.written({ only: true, large: true }); });
    const back = document.createElement("button");
    back.type = "button"; back.textContent = "Back to the page"; back.className = "gradlab-back";
    back.addEventListener("click", () => {
      /** @type {HTMLElement|null} */ (this.place.querySelector(".gl-head .gl-button[aria-pressed=true]"))?.click(); // no longer large
      location.hash = this.written({ only: false, large: false });
    });
    line.append(words, copy, fill, back, said);
    return line;
  }

  /** What to tell who copied the address of a file: it leads nowhere on another machine. @param {string} address */
  elsewhere(address) {
    if (!address.startsWith("file:")) return "";
    const top = new URL(this.parts.base || ".", location.href).href.replace(/_static\/$/, "");
    return `. It is the address of a file on this machine. Others have the folder of the site elsewhere: send them ${address.replace(top, "")}, to be put behind the address of their folder`;
  }

  get hash() { return this.written({}); }

  /** This position as an address. @param {{only?: boolean, large?: boolean}} how other than it stands in the address now */
  written(how) {
    const knobs = this.model?.get("knobs") || {}, words = Object.fromEntries(Object.entries(knobs).map(([k, v]) => [k, String(v)])), now = read(location.hash, this.single);
    const same = now?.panel === this.id, asks = this.place.dataset.predict !== "1" || this.waits;
    return written({ panel: this.id, bug: this.model?.get("position") === 1, knobs: words, only: Boolean(same && now?.only), large: Boolean(same && now?.large), predict: asks, ...how });
  }

  moved() {
    if (this.following) return;
    this.said.textContent = ""; // it was about the position before
    history.replaceState(null, "", this.hash);
  }

  /** What the address asks of this panel. */
  asked() { const state = read(location.hash, this.single); return state?.panel === this.id ? state : null; }

  /** Go where the address says. */
  async follow() {
    const state = this.asked();
    if (!state) return;
    const before = this.model;
    await this.show();
    if (this.model && this.positions && before) { // else it was drawn just now, as the address says
      if (this.waits && !state.predict) this.draw(this.positions);
      else {
        this.following = true; // what is shown is what the address says already
        this.model.set("knobs", this.model.snapped(state.knobs, this.model.get("knobs")));
        if (state.bug !== null && !this.waits) this.model.set("position", Number(state.bug));
        this.following = false;
        this.tell(state);
      }
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
    for (const name of ["tabindex", "role", "aria-label"]) this.place.removeAttribute(name);
    for (const picture of this.place.querySelectorAll("img")) picture.loading = "eager"; // it was not drawn, and so not fetched
    this.place.dataset.state = "failed";
  }
}

/**
 * What a call makes of the data of a panel; its Error in words for the reader.
 * @template T @param {string} name @param {() => T | Promise<T>} call @returns {Promise<T>}
 */
async function told(name, call) {
  try { return await call(); } catch (error) { throw new Error(`the data of the panel ${name} is damaged (${/** @type {Error} */ (error).message}). Fetch or build the site again.`); }
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
