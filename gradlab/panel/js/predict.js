// The prediction: one choice for each group of sources that comes out alike, locked in before the switch opens.
import { button } from "./controls.js";
import { keepKeys, make } from "./dom.js";

export class Prediction {
  /**
   * @param {import("./types.js").Page} page @param {import("./types.js").Scene} scene
   * @param {number} other the position that is asked about @param {string[]} said what was locked in before
   * @param {(said: string[]) => void} lock
   */
  constructor(page, scene, other, said, lock) {
    this.page = page; this.other = other;
    this.node = make("div", { class: "gl-predict", role: "group", "aria-label": "Your prediction" });
    this.selects = scene.sides[other].groups.map(({ names }) => {
      const select = make("select", { "aria-label": `Prediction for ${names.join(", ")}` }, make("option", { value: "" }, "choose …"),
        ...page.kinds.map((k) => make("option", { value: k.value }, `${k.mark} ${k.value}: ${k.word}`)));
      keepKeys(select).addEventListener("change", () => { go.disabled = this.selects.some((s) => !s.value); });
      return select;
    });
    const go = button("Lock in", () => lock(this.selects.map((s) => s.value)), "The switch opens once you have said what you expect");
    go.disabled = true;
    if (said.length) return;
    this.node.append(make("span", {}, `Predict first. With “${page.positions[other]}”:`),
      ...scene.sides[other].groups.map(({ names }, i) => make("label", {}, `${names.join(", ")}: `, this.selects[i])), go);
  }
}

/**
 * What was right, once the position has been seen.
 * @param {import("./types.js").Page} page @param {import("./types.js").Scene} scene @param {number} other @param {string[]} said
 */
export function checked(page, scene, other, said) {
  const groups = scene.sides[other].groups;
  const rows = groups.map(({ kind, names }, i) => {
    const right = said[i] === kind, mark = page.kinds.find((k) => k.value === kind)?.mark ?? "";
    return `${right ? "right" : "not so"}: you said ${said[i] ?? "nothing"} for ${names.join(", ")}${right ? "" : `, measured ${mark} ${kind}`}`;
  });
  return rows.join(" · ");
}
