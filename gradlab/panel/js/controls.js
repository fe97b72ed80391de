// Switch, knobs and buttons: native controls, so that keyboard and screen reader work everywhere.
import { keepKeys, make, unique } from "./dom.js";

/**
 * Two or more choices of which one holds, in a group of their own.
 * @param {string} legend @param {string[]} labels @param {number} chosen @param {(index: number) => void} call @param {string} style
 */
export function radios(legend, labels, chosen, call, style) {
  const name = unique("radio");
  const inputs = labels.map((label, i) => {
    const input = make("input", { type: "radio", name, value: String(i) });
    input.checked = i === chosen;
    keepKeys(input).addEventListener("change", () => { if (input.checked) call(i); });
    return input;
  });
  const group = make("fieldset", { class: `gl-radios ${style}` }, make("legend", {}, legend),
    ...labels.map((label, i) => make("label", { title: label }, inputs[i], make("span", {}, label))));
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", legend);
  return {
    group,
    /** @param {number} i */ set(i) { inputs.forEach((input, j) => { input.checked = i === j; }); },
    /** @param {boolean} open */ enable(open) { inputs.forEach((input) => { input.disabled = !open; }); },
  };
}

/**
 * One knob: a range or a few choices.
 * @param {import("./types.js").Knob} knob @param {any} value @param {(value: any) => void} call
 */
export function dial(knob, value, call) {
  if (knob.type === "choice") {
    const group = radios(knob.name, knob.options.map(String), knob.options.indexOf(value), (i) => call(knob.options[i]), "gl-knob");
    return { node: /** @type {HTMLElement} */ (group.group), set: (/** @type {any} */ v) => group.set(knob.options.indexOf(v)), enable: group.enable };
  }
  const input = make("input", { type: "range", min: String(knob.low), max: String(knob.high), step: String(knob.step), "aria-label": knob.name });
  const shown = make("output", {});
  const write = (/** @type {number} */ v) => { input.value = String(v); shown.textContent = String(Number(Number(v).toPrecision(4))); input.setAttribute("aria-valuetext", `${knob.name} ${shown.textContent}`); };
  keepKeys(input).addEventListener("input", () => { write(Number(input.value)); call(Number(input.value)); });
  write(value);
  const width = Math.max(String(knob.low).length, String(knob.high).length, String(knob.step).length) + 1;
  shown.style.minWidth = `${width}ch`; // a longer number must not push the other controls around
  return { node: /** @type {HTMLElement} */ (make("label", { class: "gl-knob", title: knob.words }, make("span", {}, knob.name), input, shown)), set: write, enable: (/** @type {boolean} */ open) => { input.disabled = !open; } };
}

/**
 * A button. `pressed` makes it one that stays down.
 * @param {string} text @param {() => void} call @param {string} [title] @param {boolean} [pressed]
 */
export function button(text, call, title = "", pressed) {
  const node = make("button", { type: "button", class: "gl-button", title }, text);
  if (pressed !== undefined) node.setAttribute("aria-pressed", String(pressed));
  keepKeys(node).addEventListener("click", call);
  return node;
}

/**
 * Buttons that open one pane below each, side by side, so that the row of them keeps its height.
 * @param {[string, HTMLElement][]} panes @param {() => void} opened called when one has opened
 */
export function folds(panes, opened = () => {}) {
  const row = make("div", { class: "gl-folds" }), below = make("div", { class: "gl-panes" });
  /** @type {Map<string, (open: boolean) => void>} */ const openers = new Map();
  for (const [title, pane] of panes) {
    pane.id = unique("pane");
    pane.hidden = true;
    const toggle = (/** @type {boolean} */ open) => { pane.hidden = !open; node.setAttribute("aria-expanded", String(open)); if (open) opened(); };
    const node = button(title, () => toggle(pane.hidden));
    node.classList.add("gl-fold-button");
    node.setAttribute("aria-expanded", "false");
    node.setAttribute("aria-controls", pane.id);
    row.append(node); below.append(pane);
    openers.set(title, toggle);
  }
  return { row, below, open: (/** @type {string} */ title) => openers.get(title)?.(true) };
}
