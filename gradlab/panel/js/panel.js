// One panel: the code with its margin left, heatmaps right, switch and knobs above, the outcome below.
// Traits: page, scene, data, colours, position, knobs, seen, said, trained and the rest that `gradlab.panel.view` lists.
import { Code } from "./code.js";
import { Scale } from "./colour.js";
import { button, dial, folds, radios } from "./controls.js";
import { floats, make, say } from "./dom.js";
import { Link } from "./kernel.js";
import { facts, fault, key, outcome, scaleBar, table } from "./outcome.js";
import { Prediction, answered, checked } from "./predict.js";
import { Tiles } from "./tiles.js";
import { training } from "./training.js";

const LINE = 17, BODY = 373, LEAST = 170; // pixels: a line of code, the most and the least that code and heatmaps get
const TILE = 50, TILED = 347; // pixels: what a heatmap needs to be read, and the most that many of them ask for
const COLUMN = 640, PHONE = 480; // pixels: narrower than that, all stands in one column; the strips are short
const SPOKEN = 100; // milliseconds: words for ears need not be in the frame that eyes wait for
const VIEWS = [["size", "show sizes"], ["sign", "show signs"], ["difference", "show on − off"]];

class View {
  /** @param {import("./types.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    /** @type {import("./types.js").Page} */ this.page = model.get("page");
    /** @type {import("./types.js").Scene|undefined} */ this.scene = undefined;
    this.picked = ""; this.view = "size"; this.speak = 0; this.rows = 0; this.sources = 0; this.more = 0; this.bar = "";
    const { page } = this;
    this.live = make("div", { class: "gl-cursor", role: "status", "aria-live": "polite" });
    this.heard = make("div", { class: "gl-said", role: "status", "aria-live": "polite" }); // for ears: it would move the page
    this.kernel = make("div", { class: "gl-kernel", role: "status", "aria-live": "polite" });
    const hear = (/** @type {string} */ text) => say(this.live, text);
    this.tiles = new Tiles(hear, (name) => this.pick(this.picked === name ? "" : name), page.layout === "maps");
    this.code = page.code.length ? new Code(page.code, page.kinds, page.name, hear) : null;
    this.body = make("div", { class: "gl-body" }, ...(this.code ? [this.code.box] : []), this.tiles.box);
    this.link = new Link(model, (words, state, pending) => { say(this.kernel, words); this.kernel.dataset.state = state; this.body.setAttribute("aria-busy", String(pending)); }, () => this.scene?.stamp ?? 0);
    this.switch = radios("Switch", page.positions, model.get("position"), (i) => this.flip(i), "gl-switch");
    this.dials = Object.fromEntries(page.knobs.map((knob) => [knob.name, dial(knob, model.get("knobs")[knob.name], (v) => this.turn(knob.name, v))]));
    this.words = make("div", { class: "gl-words" }); this.keys = make("div"); this.evidence = make("div"); this.trained = make("div");
    this.outcome = make("div", { class: `gl-outcomes${page.question && page.predict ? " gl-with-answer" : ""}` });
    this.scale = make("span");
    const setup = make("div", {}, make("pre", { tabindex: "0", role: "region", "aria-label": `How ${page.name} makes its network and data` }, page.setup));
    /** @type {[string, HTMLElement][]} */ const panes = [["Words", this.words], ["Key", this.keys], ["Evidence", this.evidence]];
    if (page.setup) panes.push(["Set-up code", setup]);
    if (page.steps) panes.push(["Training", this.trained]);
    this.folds = folds(panes, () => this.fill());
    this.viewer = make("select", { "aria-label": "What the heatmaps show" }, ...VIEWS.map(([value, text]) => make("option", { value }, text)));
    this.viewer.addEventListener("change", () => { this.view = this.viewer.value; this.show(); });
    this.train = button(`Train ${page.steps} steps`, () => { this.folds.open("Training"); this.link.ask((n) => { model.set("asked", n); this.link.send({ ask: "train", n }); }); }, page.train);
    this.train.hidden = !page.steps;
    this.reason = make("div", { class: "gl-reason" }); // why the button is grey
    this.large = button("Large", () => { this.root.classList.toggle("gl-large"); this.large.setAttribute("aria-pressed", String(this.root.classList.contains("gl-large"))); this.resize(); }, "For a projector; ?gradlab=large in the address does the same", false);
    const reset = button("↺", () => { for (const knob of page.knobs) this.dials[knob.name].set(knob.start); this.turn("", null); }, "All knobs back to where they began");
    reset.setAttribute("aria-label", "Reset the knobs");
    const dials = Object.values(this.dials).map((d) => d.node);
    this.root = make("div", { class: `gl gl-layout-${page.layout}`, role: "region", "aria-label": page.title },
      make("div", { class: "gl-head" }, make("span", { class: "gl-title", role: "heading", "aria-level": "3" }, page.title), ...(dials.length ? [reset] : []), this.large),
      make("div", { class: "gl-claim", title: page.claim || page.about || "" }, page.claim ? `Claim: “${page.claim}”` : page.about || ""),
      make("div", { class: "gl-controls" }, this.switch.group, ...dials),
      make("div", { class: "gl-legend" }, this.scale, this.viewer, this.live), this.body, this.outcome,
      make("div", { class: "gl-foot" }, this.folds.row, this.train, make("div", { class: "gl-notes" }, this.kernel, this.reason)), this.folds.below, this.heard);
    if (/[?&#]gradlab=large\b/.test(location.href)) this.large.click();
    el.append(this.root);
    this.theme();
    this.listen();
    this.rebuild();
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.root);
  }

  listen() {
    this.calls = /** @type {[string, () => void][]} */ ([["change:position", () => { this.show(); clearTimeout(this.speak); this.speak = setTimeout(() => this.announce(), SPOKEN); }], ["change:knobs", () => this.knobs()], ["change:trained", () => this.show()],
      ["change:said", () => this.show()], ["change:progress", () => this.show()],
      ...["scene", "data", "colours"].map((trait) => /** @type {[string, () => void]} */ ([`change:${trait}`, () => this.rebuild()]))]);
    for (const [event, call] of this.calls) this.model.on(event, call);
    this.themed = new MutationObserver(() => this.theme());
    for (const node of [document.body, document.documentElement]) this.themed.observe(node, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-theme", "class"] });
  }

  // Dark or light by what is behind the panel, since each front end names its themes in its own way. A notebook that is opened
  // again draws a panel before it is part of the page: nothing is behind it then, so its first size asks once more.
  theme() {
    for (let node = this.root.parentElement; node; node = node.parentElement) {
      const [r, g, b, a = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) || ["0", "0", "0", "0"]).map(Number);
      if (a > 0.5) { this.root.classList.toggle("gl-dark", 0.3 * r + 0.6 * g + 0.1 * b < 110); return; }
    }
  }

  /** Positions that were on the screen. @returns {number[]} */
  get seen() { return this.model.get("seen"); }
  get told() { return this.seen.includes(1); }
  get position() { return /** @type {number} */ (this.model.get("position")); }

  /** @param {number} position */
  flip(position) { this.link.saveLater("position", position); }

  /** @param {string} name @param {any} value */
  turn(name, value) {
    const start = Object.fromEntries(this.page.knobs.map((knob) => [knob.name, knob.start]));
    this.model.set("knobs", name ? { ...this.model.get("knobs"), [name]: value } : start);
    this.link.ask((n) => this.model.set("asked", n));
  }

  knobs() { for (const [name, value] of Object.entries(this.model.get("knobs"))) this.dials[name]?.set(value); }

  /** @param {string} name */
  pick(name) { this.picked = name; this.tiles.pick(name); this.code?.pick(name); }

  // Traits may come one by one and in any order: nothing is drawn until numbers and description are of the same run, and a run
  // is drawn once, though each of its traits tells of itself.
  rebuild() {
    /** @type {import("./types.js").Scene} */ const scene = this.model.get("scene");
    if (scene && scene === this.scene) return;
    const numbers = floats(this.model.get("data")), view = this.model.get("colours");
    if (!scene?.tiles || !view || view.byteLength !== 1536 || numbers.length !== scene.length + 1 || numbers[0] !== scene.stamp) return;
    this.scene = scene; this.numbers = numbers.subarray(1);
    this.colours = new Scale(scene.low, scene.high, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    this.tiles.build(scene);
    this.bar = "";
    this.sources = Math.max(this.sources, scene.tiles.length);
    this.keys.replaceChildren(key(this.page, scene));
    this.place();
    this.show();
    this.code?.fold(this.rows);
  }

  show() {
    const { scene, page, position, model } = this;
    if (!scene || !this.colours || !this.numbers) return;
    if (!this.seen.includes(position)) this.link.saveLater("seen", [...this.seen, position]);
    const both = this.seen.length > 1, locked = page.predict && !model.get("said").length;
    /** @type {HTMLOptionElement} */ (this.viewer.options[2]).disabled = !both;
    this.root.dataset.position = String(position);
    this.switch.set(position);
    this.switch.enable(!locked);
    const bar = this.view === "size" ? "size" : "signed";
    if (this.bar !== bar) this.scale.replaceChildren(scaleBar(scene, this.colours, this.view !== "size"));
    this.bar = bar;
    this.tiles.show(position, this.numbers, this.colours, this.view);
    this.code?.show(scene, position, this.colours, this.told);
    const other = 1 - this.start;
    const line = make("div", { class: "gl-line-of-outcome" }, ...outcome(page, scene, position, this.told), ...(scene.note ? [make("span", { class: "gl-outcome" }, scene.note)] : []));
    const said = model.get("said");
    if (page.predict && said.length) line.append(answered(checked(page, scene, other, said, this.seen.includes(other), model.get("knobs"))));
    const verdict = make("span", { class: "gl-verdict" }, ...(this.told && scene.verdict ? ["the claim is ", make("b", {}, scene.verdict)] : []));
    if (!(locked && this.outcome.querySelector(".gl-predict"))) this.outcome.replaceChildren(...(locked ? [new Prediction(page, scene, other, said, (s) => this.lock(s)).node] : [verdict, line]));
    const [done, total] = model.get("progress");
    this.train.disabled = Boolean(scene.untrainable) || (total > 0 && done < total) || Boolean(locked);
    const why = !page.steps ? "" : scene.untrainable || (locked ? "Training opens once your answer is locked in." : "");
    this.train.title = why || page.train;
    say(this.reason, why);
    say(this.train, total > 0 && done < total ? `Training: ${done} of ${total} steps` : `Train ${page.steps} steps`);
    this.fill();
  }

  // What is folded away is written when it opens: a flip should not wait for what nobody sees.
  fill() {
    const { scene, page, position, model } = this, both = this.seen.length > 1;
    if (!scene) return;
    if (!this.words.hidden) this.words.replaceChildren(table(page, scene, position, both));
    const errors = [scene.failed, ...scene.sides.map((s, i) => (this.seen.includes(i) ? s.error : null))].flatMap((error) => (error ? [fault(error)] : []));
    if (!this.evidence.hidden) this.evidence.replaceChildren(...(this.told ? [facts(scene.evidence, "What the claim predicts and what was measured just now"), page.why ? make("p", {}, page.why) : "",
      ...page.links.map(([text, href]) => make("a", { href: /^https?:|^[\w./#-]+$/.test(href) ? href : "#" }, text))] : ["Flip the switch first: this is about the other position."]), ...errors);
    const trained = model.get("trained");
    if (this.trained.hidden) return;
    this.trained.replaceChildren(...(trained.error ? [fault(trained.error)] : trained.losses ? [training(page, trained, this.seen)] : ["Not trained at these knobs yet."]));
  }

  get start() { return this.page.start; }

  /** @param {string[]} said */
  lock(said) { this.model.set("said", said); this.link.save(); this.show(); this.switch.group.querySelector("input")?.focus(); }

  announce() {
    if (!this.scene) return;
    say(this.heard, `${this.page.positions[this.position]}: ` + this.scene.sides[this.position].groups.map((g) => `${g.kind} for ${g.names.join(", ")}`).join("; "));
  }

  // The height depends on the code, the number of sources and the size of the page alone: neither a flip nor a knob moves what is below.
  place() {
    const width = this.root.clientWidth, phone = width > 0 && width < PHONE; // 0: not part of the page yet
    this.large.hidden = phone; // large lines would hold a few letters each
    if (phone && this.root.classList.contains("gl-large")) this.large.click(); // which comes back here
    const zoom = this.root.classList.contains("gl-large") ? 1.6 : 1;
    this.root.classList.toggle("gl-narrow", this.root.clientWidth < COLUMN * zoom); // first: the code's width hangs on it
    const tight = this.root.clientWidth < PHONE * zoom || Boolean(this.code?.short);
    if (this.code && (this.code.zoom !== zoom || this.code.tight !== tight)) { this.code.zoom = zoom; this.code.tight = tight; this.code.repaint(); }
    const asks = this.asks();
    const lines = this.code?.wrap(Math.floor((BODY - 14 - asks / zoom) / LINE), this.scene) ?? 0;
    const height = this.page.layout === "maps" ? this.tiles.tall(this.root.clientWidth - 2, zoom, Math.max(1, this.sources)) / zoom : Math.max(LEAST, Math.min(TILED, this.sources * TILE), Math.min(BODY, lines * LINE + 14));
    const given = Math.max(0, Math.min(asks, (height - BODY) * zoom + asks)); // of a tall body: the panel has to fit a screen
    this.root.style.setProperty("--gl-body", `${Math.round(height * zoom - given)}px`);
    this.rows = Math.floor((height - given / zoom - 12) / LINE);
  }

  /** What the answers of a question need beyond their box, in pixels. It is kept once they are locked in: nothing moves then. */
  asks() {
    if (!this.outcome.querySelector(".gl-predict")) return this.more;
    this.root.style.setProperty("--gl-asks", "0px");
    this.more = Math.max(0, this.outcome.scrollHeight - this.outcome.clientHeight);
    this.root.style.setProperty("--gl-asks", `${this.more}px`);
    return this.more;
  }

  resize() { this.theme(); this.place(); this.code?.fold(this.rows); this.tiles.fit(); }

  end() {
    clearTimeout(this.speak); this.link.end(); this.tiles.end(); this.sized?.disconnect(); this.themed?.disconnect();
    for (const [event, call] of this.calls || []) this.model.off?.(event, call);
  }
}

/** @param {{model: import("./types.js").Model, el: HTMLElement}} context */
export function render({ model, el }) {
  const view = new View(model, el);
  return () => view.end();
}
