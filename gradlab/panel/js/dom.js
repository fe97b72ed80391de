// Small helpers for elements. Text goes in by textContent and attributes alone, so nothing that is shown can execute.

/**
 * An element with attributes and children; strings become text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * An SVG element with attributes and children; strings become text.
 * @param {string} tag
 * @param {Record<string, string|number>} [attributes]
 * @param {...(Node|string)} children
 */
export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/**
 * A name that no other panel of the page has. Each widget loads its own copy of this module, so a counter would not do:
 * radio buttons of two panels would share a group.
 * @param {string} stem
 */
export function unique(stem) {
  const bytes = crypto.getRandomValues(new Uint32Array(2));
  return `gl-${stem}-${bytes[0].toString(36)}${bytes[1].toString(36)}`;
}

/** A text, written only where it changes: a text that is written again is laid out again. @param {Element} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text; // a live region speaks only of what changed
}

/**
 * One number in words: an exact zero, an infinity and NaN are not sizes.
 * @param {number} value
 */
export function number(value) {
  if (Number.isNaN(value)) return "NaN, not a number";
  if (!Number.isFinite(value)) return value > 0 ? "+infinity" : "-infinity";
  return value === 0 ? "exactly 0" : value.toExponential(2);
}

/**
 * Short form for captions: 0.0123, 12.3, 4.5e-9.
 * @param {number} value
 */
export function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e4 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}

/**
 * A bytes trait arrives as a DataView into a larger message, which need not be aligned for Float32Array.
 * @param {DataView|undefined} view
 */
export function floats(view) {
  if (!view || !view.byteLength) return new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

const KEPT = "data-lm-suppress-shortcuts"; // JupyterLab reads it before a control hears of the key

/**
 * Keys that a notebook would take for its own shortcuts stay with the control that has the focus. Those with Ctrl or Cmd, such as
 * that for saving, go to the notebook: the mark is off while such a key is held.
 * @param {HTMLElement} node
 */
export function keepKeys(node) {
  const keep = () => node.setAttribute(KEPT, "true"), held = (/** @type {KeyboardEvent} */ e) => e.key === "Control" || e.key === "Meta";
  node.addEventListener("keydown", (e) => { if (held(e)) node.removeAttribute(KEPT); });
  node.addEventListener("keyup", (e) => { if (held(e)) keep(); });
  node.addEventListener("focusout", keep); // a key that is let go elsewhere
  keep();
  return node;
}

/** Whether the page asks for less motion. */
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
