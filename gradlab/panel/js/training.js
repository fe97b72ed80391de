// Training at both positions: two curves with axes and key, and below them how far each weight moved, step by step.
import { hatch, surface } from "./colour.js";
import { draw, make, short } from "./dom.js";

const WIDTH = 560, HEIGHT = 204, LEFT = 64, BOTTOM = 34, TOP = 24, RIGHT = 12;
const DASH = ["", "7 4"], SHAPE = ["●", "▲"];

/**
 * @param {import("./types.js").Page} page @param {import("./types.js").Training} training @param {number[]} seen positions that may be told
 */
export function training(page, training, seen) {
  const losses = training.losses.map((curve, i) => (seen.includes(i) ? curve : []));
  const all = losses.flat().filter((v) => v !== null && Number.isFinite(v)).map(Number);
  const flat = all.some((v) => v < 0) ? all : all.filter((v) => v > 0); // a loss of exactly 0 must not rule out the logarithm
  const low = flat.length ? Math.min(...flat) : 0, high = flat.length ? Math.max(...flat) : 1;
  const log = low > 0 && high / low > 30; // a linear axis would press the late, small losses onto the floor
  const f = (/** @type {number} */ v) => (log ? Math.log10(v) : v), from = f(low), to = f(high) > from ? f(high) : from + 1;
  const x = (/** @type {number} */ i) => LEFT + (i * (WIDTH - LEFT - RIGHT)) / Math.max(1, training.steps);
  const y = (/** @type {number} */ v) => TOP + ((to - f(v)) / (to - from)) * (HEIGHT - TOP - BOTTOM);
  const told = seen.length > 1; // what the curves say of each other is about both
  const words = losses.map((curve, i) => (curve.length ? `${page.positions[i]}: ${word(curve[0])} to ${word(curve[curve.length - 1])}` : "")).filter(Boolean).join("; ") + (told && training.verdict ? `; ${training.verdict}` : "");
  const svg = draw("svg", { role: "img", "aria-label": `Loss while training, ${training.steps} steps. ${words}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "gl-curves" });
  for (const share of [0, 0.5, 1]) {
    const v = log ? 10 ** (from + share * (to - from)) : from + share * (to - from), at = y(v);
    svg.append(draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "gl-grid" }), draw("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, short(v)));
    const step = Math.round(share * training.steps);
    svg.append(draw("text", { x: x(step), y: HEIGHT - 16, "text-anchor": share === 1 ? "end" : "middle" }, String(step)));
  }
  svg.append(draw("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 3, "text-anchor": "middle" }, "step"),
    draw("text", { x: 12, y: HEIGHT / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${HEIGHT / 2})` }, log ? "loss (log)" : "loss"));
  losses.forEach((curve, i) => {
    const points = curve.map((v, s) => (v !== null && Number.isFinite(v) && (!log || v > 0) ? [x(s), y(v)] : null)).filter((p) => p !== null);
    if (points.length) svg.append(draw("polyline", { points: points.map((p) => p.map((c) => c.toFixed(1)).join(",")).join(" "), "stroke-dasharray": DASH[i], class: "gl-curve" }));
    if (points.length) svg.append(draw("text", { x: points[points.length - 1][0] - 8, y: points[points.length - 1][1] - 5, class: "gl-end" }, SHAPE[i]));
  });
  if (told && training.level !== null && training.level !== undefined && (!log || training.level > 0)) {
    const at = y(training.level);
    svg.append(draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "gl-level" }),
      draw("text", { x: LEFT + 6, y: at - 4 }, `${short(training.level)}: not reached by ${SHAPE[1]}`));
  }
  const legend = make("ul", { class: "gl-key" }, ...losses.map((curve, i) => {
    const line = draw("svg", { viewBox: "0 0 34 10", width: 34, height: 10, "aria-hidden": "true" });
    line.append(draw("line", { x1: 0, x2: 34, y1: 5, y2: 5, "stroke-dasharray": DASH[i], class: "gl-curve" }));
    return make("li", {}, line, `${SHAPE[i]} ${page.positions[i]}: `, curve.length ? `loss ${word(curve[0])} → ${word(curve[curve.length - 1])}` : "flip the switch to see it");
  }));
  return make("div", { class: "gl-trained" }, svg, legend, make("p", {}, told && training.verdict ? `In words: ${training.verdict}.` : ""), weights(page, training, seen));
}

/** @param {number|null} v */
function word(v) { return v === null ? "not finite" : short(v); }

/**
 * A strip a weight and position: how far it had moved from its start after each step. Never moved is hatched.
 * @param {import("./types.js").Page} page @param {import("./types.js").Training} data @param {number[]} seen
 */
function weights(page, data, seen) {
  const most = Math.max(1e-30, ...data.weights.flatMap((w) => w.moved.flat().filter(Number.isFinite)));
  const rows = data.weights.map(({ name, moved, words }) => make("tr", {}, make("th", { scope: "row" }, name),
    ...page.positions.map((_, i) => make("td", {}, ...(seen.includes(i) ? [bar(moved[i], most), make("span", {}, ` ${words[i]}`)] : ["not seen yet"])))));
  return make("table", {}, make("caption", {}, "How far each weight moved from its start (higher: farther; hatched: it never moved)"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "weight"), ...page.positions.map((p, i) => make("th", { scope: "col" }, `${SHAPE[i]} ${p}`)))), make("tbody", {}, ...rows));
}

/** @param {number[]} moved @param {number} most */
function bar(moved, most) {
  const canvas = make("canvas", { "aria-hidden": "true" }), width = 150, height = 20, ctx = surface(canvas, width, height);
  ctx.fillStyle = "#f4f4f4"; ctx.fillRect(0, 0, width, height);
  if (!moved.some((v) => v > 0)) { hatch(ctx, "//", 0, 0, width, height, "#555"); canvas.dataset.moved = "never"; }
  else {
    canvas.dataset.moved = "yes";
    ctx.fillStyle = "#1f6f8b";
    moved.forEach((v, i) => { const h = Math.max(1, (height * v) / most), at = (width * i) / moved.length; if (v > 0) ctx.fillRect(at, height - h, Math.max(1, width / moved.length), h); });
  }
  return canvas;
}
