// The live picture of a training: loss above, variables by steps below, on one axis. One trait: data (see watch_view.pack).
// Folding, the two views and reading single values happen here, so they work while the kernel is busy in fit.

const STYLE = `
.glw { --ink: var(--jp-ui-font-color1, #111); --paper: var(--jp-layout-color1, #fff); font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--ink); }
.glw canvas { display: block; max-width: 100%; }
.glw canvas:focus-visible { outline: 3px solid #1a73e8; outline-offset: 2px; }
.glw .glw-line { min-height: 1.45em; }
.glw .glw-alarm { border-left: 4px solid #b00020; padding-left: 8px; margin: 4px 0; white-space: pre-wrap; }
.glw label { margin-right: 14px; }
.glw .glw-scale span { display: inline-block; width: 120px; height: 10px; margin: 0 6px; vertical-align: middle; }
`;
const LEFT = 230, LOSS = 60, ROW = 15, NONE = -1, UNSEEN = -2;

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function unpack(view) {
  const start = view.byteOffset, length = new DataView(view.buffer, start, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, start + 4, length)));
  const colours = new Uint8Array(view.buffer, start + 4 + length, 768);
  const floats = new Float32Array(view.buffer.slice(start + 4 + length + 768, start + view.byteLength));
  const rows = head.names.length, columns = head.steps.length;
  return { ...head, colours, rows, columns, losses: floats.subarray(0, columns),
    matrices: [floats.subarray(columns, columns + rows * columns), floats.subarray(columns + rows * columns)] };
}

function words(value, ratio) {
  if (value === NONE && !ratio) return "None";
  if (value === UNSEEN && !ratio) return "not passed to an optimizer";
  if (Number.isNaN(value)) return ratio ? "not measured" : "not a number (NaN)";
  if (!Number.isFinite(value)) return "infinite";
  return value === 0 ? "exactly 0" : value.toExponential(2);
}

function stripes(ctx, x, y, w, h, ink, crossed) {
  ctx.save(); ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip(); ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.beginPath();
  for (let i = Math.floor(x / 6) * 6 - h; i < x + w; i += 6) {
    ctx.moveTo(i, y + h); ctx.lineTo(i + h, y);
    if (crossed) { ctx.moveTo(i, y); ctx.lineTo(i + h, y + h); }
  }
  ctx.stroke(); ctx.restore();
}

function render({ model, el }) {
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "heatmap", "data-lm-suppress-shortcuts": "true" });
  const said = make("div", { class: "glw-line", role: "status", "aria-live": "polite" });
  const summary = make("div", { class: "glw-line" }), alarms = make("div", { role: "log", "aria-label": "Alarms" }), choice = make("div", { role: "radiogroup", "aria-label": "What is shown" });
  const bar = make("span", { "aria-hidden": "true" }), low = make("b"), high = make("b"), scale = make("div", { class: "glw-scale" }, "Colour: ", low, bar, high);
  const key = make("div", {}, "▨ None   ░ not passed   ■ exactly 0   ☒ not finite. Arrow keys read values; Enter or a click on a name folds its layer.");
  const root = make("div", { class: "glw" }, choice, canvas, said, summary, alarms, scale, key);
  el.append(make("style", {}, STYLE), root);
  const folded = new Set();
  let data = null, view = 0, at = [0, 0], focused = false;

  const lines = () => {  // what each row of the picture shows: one variable, or a folded layer
    const out = [];
    data.names.forEach((name, i) => {
      const layer = data.layers[i];
      if (!folded.has(layer)) out.push({ label: name, rows: [i], layer });
      else if (data.layers.indexOf(layer) === i) out.push({ label: `▸ ${layer}`, rows: data.layers.flatMap((l, j) => (l === layer ? [j] : [])), layer });
    });
    return out;
  };
  const value = (line, c) => {  // of a folded layer the worst: not finite, None, then the largest
    const all = line.rows.map((r) => data.matrices[view][r * data.columns + c]);
    const odd = all.find((v) => view === 0 && !Number.isFinite(v)) ?? all.find((v) => view === 0 && v === NONE);
    if (odd !== undefined) return odd;
    const known = all.filter((v) => !Number.isNaN(v));
    return known.length ? Math.max(...known) : NaN;
  };
  const draw = () => {
    if (!data) return;
    const rows = lines(), pixel = window.devicePixelRatio || 1, room = Math.max(200, Math.min(900, (root.clientWidth || 900) - LEFT - 10));
    const width = LEFT + room, height = LOSS + 8 + rows.length * ROW + 18, w = room / Math.max(1, data.columns);
    canvas.width = Math.round(width * pixel); canvas.height = Math.round(height * pixel);
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    const ctx = canvas.getContext("2d"), style = getComputedStyle(root), ink = style.color;
    ctx.scale(pixel, pixel); ctx.font = "11px monospace"; ctx.textBaseline = "middle";
    const finite = [...data.losses].filter(Number.isFinite), top = Math.max(...finite), bottom = Math.min(...finite);
    ctx.strokeStyle = ctx.fillStyle = ink; ctx.lineWidth = 1.3; ctx.beginPath();
    data.losses.forEach((v, c) => { if (Number.isFinite(v)) ctx.lineTo(LEFT + (c + 0.5) * w, 4 + (LOSS - 8) * (1 - (v - bottom) / (top - bottom || 1))); });
    ctx.stroke(); ctx.fillText(`loss ${data.loss || ""}`.slice(0, 34), 2, 10);
    if (finite.length) { ctx.fillText(top.toPrecision(3), LEFT - 60, 8); ctx.fillText(bottom.toPrecision(3), LEFT - 60, LOSS - 6); }
    const [least, most] = data.views[view].limits;
    rows.forEach((line, r) => {
      const y = LOSS + 8 + r * ROW;
      ctx.fillStyle = ink; ctx.fillText(line.label.length > 33 ? `…${line.label.slice(-32)}` : line.label, 2, y + ROW / 2);
      ctx.fillStyle = "#f4f4f4"; ctx.fillRect(LEFT, y, room, ROW - 1);
      for (let c = 0; c < data.columns; c++) {
        const v = value(line, c), x = LEFT + c * w;
        if (v > 0 && Number.isFinite(v)) {
          const i = 3 * Math.max(0, Math.min(255, Math.round((255 * (Math.log10(v) - least)) / (most - least))));
          ctx.fillStyle = `rgb(${data.colours[i]},${data.colours[i + 1]},${data.colours[i + 2]})`; ctx.fillRect(x, y, w + 0.5, ROW - 1);
        } else if (v === 0) { ctx.fillStyle = "#000"; ctx.fillRect(x, y, w + 0.5, ROW - 1); }
        else if (view === 0 && !Number.isFinite(v)) { ctx.fillStyle = "#fff"; ctx.fillRect(x, y, w + 0.5, ROW - 1); stripes(ctx, x, y, w + 0.5, ROW - 1, "#b00020", true); }
        else if (v === NONE) stripes(ctx, x, y, w + 0.5, ROW - 1, "#555", false);
        else if (v === UNSEEN) { ctx.fillStyle = "#888"; for (let d = 3; d < w + 3; d += 6) ctx.fillRect(x + Math.min(d, w) - 1, y + ROW / 2 - 1, 2, 2); }
      }
    });
    for (const alarm of data.alarms) {
      const c = data.steps.findIndex((s) => s >= alarm.step);
      if (c >= 0) { ctx.setLineDash([3, 3]); ctx.strokeStyle = "#d00030"; ctx.strokeRect(LEFT + (c + 0.5) * w, 2, 0.01, height - 20); ctx.setLineDash([]); }
    }
    ctx.fillStyle = ink;
    if (data.columns) { ctx.fillText(`step ${data.steps[0]}`, LEFT, height - 8); const last = `${data.steps[data.columns - 1]}`; ctx.fillText(last, width - 8 * last.length, height - 8); }
    at = [Math.min(at[0], Math.max(0, rows.length - 1)), Math.min(at[1], Math.max(0, data.columns - 1))];
    if (focused && rows.length) {
      const [x, y] = [LEFT + at[1] * w, LOSS + 8 + at[0] * ROW];
      ctx.lineWidth = 3; ctx.strokeStyle = "#000"; ctx.strokeRect(x, y, Math.max(w, 4), ROW - 1); ctx.lineWidth = 1; ctx.strokeStyle = "#fff"; ctx.strokeRect(x, y, Math.max(w, 4), ROW - 1);
    }
    canvas.setAttribute("aria-label", `${data.views[view].word}: ${data.rows} variables by steps. ${data.summary}. ${data.alarms.length} alarms. Arrow keys read single values.`);
    const colour = (i) => `rgb(${data.colours[3 * i]},${data.colours[3 * i + 1]},${data.colours[3 * i + 2]})`;
    bar.style.background = `linear-gradient(90deg, ${[0, 51, 102, 153, 204, 255].map(colour).join(", ")})`;
    low.textContent = `1e${least} or less`; high.textContent = `1e${most} or more (steps of equal width are equal factors)`;
    canvas.dataset.steps = data.columns ? data.steps[data.columns - 1] : 0;
  };
  const tell = () => {
    const line = data && lines()[at[0]];
    if (line && data.columns) said.textContent = `${line.label}, step ${data.steps[at[1]]}: ${words(value(line, at[1]), view === 1)}`;
  };
  const fold = (line) => { if (!line) return; folded.has(line.layer) ? folded.delete(line.layer) : folded.add(line.layer); at[0] = lines().findIndex((l) => l.layer === line.layer); draw(); tell(); };
  canvas.addEventListener("keydown", (event) => {
    if (!data) return;
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -1e9], End: [0, 1e9], PageUp: [-1e9, 0], PageDown: [1e9, 0] }[event.key];
    if (move) at = [Math.max(0, Math.min(lines().length - 1, at[0] + move[0])), Math.max(0, Math.min(data.columns - 1, at[1] + move[1]))];
    else if (event.key === "Enter" || event.key === " ") fold(lines()[at[0]]);
    else return;
    event.preventDefault(); event.stopPropagation(); draw(); tell();
  });
  canvas.addEventListener("focus", () => { focused = true; draw(); tell(); });
  canvas.addEventListener("blur", () => { focused = false; draw(); });
  const spot = (event) => {
    const box = canvas.getBoundingClientRect(), room = box.width - LEFT;
    return [Math.floor((event.clientY - box.top - LOSS - 8) / ROW), Math.floor(((event.clientX - box.left - LEFT) / room) * data.columns)];
  };
  canvas.addEventListener("click", (event) => { if (data) { const [r, c] = spot(event); if (c < 0 && r >= 0) fold(lines()[r]); } });
  canvas.addEventListener("mousemove", (event) => {
    if (!data) return;
    const [r, c] = spot(event), line = lines()[r];
    if (line && c >= 0 && c < data.columns) said.textContent = `${line.label}, step ${data.steps[c]}: ${words(value(line, c), view === 1)}`;
  });
  const choose = () => {
    const group = `glw-${Math.random()}`;
    choice.replaceChildren(...data.views.map((v, i) => {
      const input = make("input", { type: "radio", name: group, "data-lm-suppress-shortcuts": "true" });
      input.checked = i === view;
      input.addEventListener("change", () => { view = i; draw(); tell(); });
      return make("label", {}, input, ` ${v.word}`);
    }));
  };
  let told = 0;
  const update = () => {
    const bytes = model.get("data");
    if (!bytes || !bytes.byteLength) return;
    const first = !data;
    data = unpack(bytes);
    if (first) choose();
    summary.textContent = data.summary;
    if (data.alarms.length !== told) {
      told = data.alarms.length;
      alarms.replaceChildren(...data.alarms.map((a) => make("div", { class: "glw-alarm" }, a.lines.join("\n"))));
    }
    draw();
  };
  model.on("change:data", update);
  const seen = new ResizeObserver(() => draw());
  seen.observe(root);
  update();
  $saved.keepInSaves(model.widget_manager); // this module comes before, see assemble.py
  return () => { model.off("change:data", update); seen.disconnect(); };
}

export default { render };
