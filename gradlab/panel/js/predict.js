// The prediction, locked in before the switch opens: a letter where the scenario has a question, else one choice for each
// group of sources that comes out alike.
import { button, radios } from "./controls.js";
import { keepKeys, make } from "./dom.js";

export class Prediction {
  /**
   * @param {import("./types.js").Page} page @param {import("./types.js").Scene} scene
   * @param {number} other the position that is asked about @param {string[]} said what was locked in before
   * @param {(said: string[]) => void} lock
   */
  constructor(page, scene, other, said, lock) {
    this.node = make("div", { class: "gl-predict", role: "group", "aria-label": "Your prediction" });
    if (said.length) return;
    const go = button("Lock in", () => lock(answer()), "The switch opens once you have said what you expect");
    go.disabled = true;
    /** @type {() => string[]} */ let answer = () => [];
    if (page.question) {
      const { answers, asks, words } = page.question;
      let chosen = "";
      answer = () => [chosen];
      const choice = radios("Answer", answers.map((a) => `${a.letter}: ${a.text}`), -1, (i) => { chosen = answers[i].letter; go.disabled = false; }, "gl-letters");
      choice.group.querySelectorAll("label").forEach((label, i) => label.querySelector("input")?.setAttribute("aria-label", `${answers[i].letter}: ${answers[i].text}`));
      choice.group.title = words;
      this.node.classList.add("gl-asked");
      this.node.append(make("div", { class: "gl-asks", title: words }, make("b", {}, "Predict first: "), asks), choice.group, go);
      return;
    }
    const selects = scene.sides[other].groups.map(({ names }) => {
      const select = make("select", { "aria-label": `Prediction for ${names.join(", ")}` }, make("option", { value: "" }, "choose …"),
        ...page.kinds.map((k) => make("option", { value: k.value }, `${k.mark} ${k.value}: ${k.word}`)));
      keepKeys(select).addEventListener("change", () => { go.disabled = selects.some((s) => !s.value); });
      return select;
    });
    answer = () => selects.map((s) => s.value);
    this.node.append(make("span", {}, `Predict first. With “${page.positions[other]}”:`),
      ...scene.sides[other].groups.map(({ names }, i) => make("label", {}, `${names.join(", ")}: `, selects[i])), go);
  }
}

/** Whether the letter was right, in bold, and why. @param {string} words */
export function answered(words) {
  const [head] = words.match(/^(Right|Not so): you said .+?\.(?= |$)/) || [""];
  return make("div", { class: "gl-checked" }, make("b", {}, head), words.slice(head.length));
}

/**
 * What was locked in, and what was right once the position has been seen. A question is about the knobs as they stood first.
 * @param {import("./types.js").Page} page @param {import("./types.js").Scene} scene @param {number} other @param {string[]} said
 * @param {boolean} seen whether the other position was on the screen @param {Record<string, any>} knobs
 */
export function checked(page, scene, other, said, seen, knobs) {
  if (!seen) return `You said ${said.join(", ")}. Now flip the switch.`;
  if (page.question && page.knobs.some((knob) => knobs[knob.name] !== knob.start)) return `You said ${said[0]}. The question is about the knobs as they stood first (↺).`;
  if (page.question) {
    const { answers } = page.question, mine = answers.find((a) => a.letter === said[0]), right = answers.find((a) => a.right);
    if (!mine) return "";
    return mine.right ? `Right: you said ${mine.letter}. ${mine.why}` : `Not so: you said ${mine.letter}, measured ${right?.letter ?? ""}. ${mine.why}`;
  }
  const groups = scene.sides[other].groups;
  const rows = groups.map(({ kind, names }, i) => {
    const right = said[i] === kind, mark = page.kinds.find((k) => k.value === kind)?.mark ?? "";
    return `${right ? "right" : "not so"}: you said ${said[i] ?? "nothing"} for ${names.join(", ")}${right ? "" : `, measured ${mark} ${kind}`}`;
  });
  return rows.join(" · ");
}
