// The picture of gradlab.through_time: one layer, one view and one sample at a time. One trait: data (see through_time_view.pack).
// Everything is in the page, so it works while the kernel is busy, and without one.

const STYLE = `
.glt { --ink: var(--jp-ui-font-color1, #111); font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--ink); max-width: 920px; }
.glt canvas { display: block; max-width: 100%; }
.glt canvas:focus-visible { outline: 3px solid #1a73e8; outline-offset: 2px; }
.glt .glt-line { min-height: 1.45em; }
.glt label { margin-right: 14px; }
.glt .glt-sentence { border-left: 4px solid #1a73e8; padding-left: 8px; margin: 4px 0; }
`;
const NONE = 1, MASKED = 2, ABSENT = 3, LEFT = 200, TOP = 6, BELOW = 34;

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
  return { ...head, colours, floats };
}

// The codes are 1e30, 2e30 and 3e30: no logarithm of a size comes near.
const code = (v) => (v > 1e29 ? Math.round(v / 1e30) : 0);

function words(v) {
  const odd = code(v);
  if (odd === NONE) return "None: no path to the loss";
  if (odd === MASKED) return "masked: no step";
  if (odd === ABSENT) return "no such unit";
  if (Number.isNaN(v)) return "not finite";
  if (v === -Infinity) return "exactly 0";
  return Math.abs(v) < 300 ? (10 ** v).toPrecision(3) : `10^${v.toFixed(1)}`;
}

function hatch(ctx, x, y, w, h, ink, crossed) {
  ctx.save(); ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip(); ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.beginPath();
  for (let i = Math.floor((x - h) / 6) * 6; i < x + w; i += 6) {
    ctx.moveTo(i, y + h); ctx.lineTo(i + h, y);
    if (crossed) { ctx.moveTo(i, y); ctx.lineTo(i + h, y + h); }
  }
  ctx.stroke(); ctx.restore();
}

function render({ model, el }) {
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "picture", "data-lm-suppress-shortcuts": "true" });
  const layers = make("select", { "data-lm-suppress-shortcuts": "true" }), samples = make("select", { "data-lm-suppress-shortcuts": "true" });
  const views = make("div", { role: "radiogroup", "aria-label": "What is shown" });
  const said = make("div", { class: "glt-line", role: "status", "aria-live": "polite" });
  const sentence = make("div", { class: "glt-sentence" }), about = make("div", { class: "glt-line" });
  const key = make("div", {}, "▨ None   ░ masked   ■ exactly 0   ☒ not finite. Arrow keys read values.");
  const root = make("div", { class: "glt" }, make("label", {}, "layer ", layers), make("label", {}, "sample ", samples), views, canvas, said, sentence, key, about);
  el.append(make("style", {}, STYLE), root);
  let data = null, layer = 0, view = 0, sample = 0, at = [0, 0], focused = false;

  const scene = () => data.layers[layer].scenes[view];
  const value = (r, c) => {
    const s = scene(), n = Math.min(sample, s.samples);
    return data.floats[s.at + (n * s.rows.length + r) * s.columns.length + c];
  };
  const box = () => {
    const s = scene(), room = Math.max(200, Math.min(scene().key === "map" ? 460 : 700, (root.clientWidth || 900) - LEFT - 10));
    const height = s.curve ? 180 : Math.max(60, Math.min(420, s.rows.length * Math.max(4, Math.min(16, 420 / s.rows.length))));
    return { room, height, w: room / Math.max(1, s.columns.length), h: height / Math.max(1, s.rows.length) };
  };
  const span = (s) => {  // a curve has its own axis; singular values are read against 1
    const known = s.columns.map((_, c) => value(0, c)).filter((v) => Number.isFinite(v) && !code(v));
    if (s.key === "singular") known.push(0);
    if (!known.length) return s.limits;
    const low = Math.min(...known), high = Math.max(...known), room = 0.06 * (high - low) || 0.05;
    return [low - room, high + room];
  };
  const heat = (ctx, s, b) => {
    const [low, high] = s.limits;
    for (let r = 0; r < s.rows.length; r++) for (let c = 0; c < s.columns.length; c++) {
      const v = value(r, c), x = LEFT + c * b.w, y = TOP + r * b.h, w = b.w + 0.4, h = b.h + 0.4, odd = code(v);
      if (odd === NONE) hatch(ctx, x, y, w, h, "#555", false);
      else if (odd === MASKED) { ctx.fillStyle = "#ddd"; ctx.fillRect(x, y, w, h); ctx.fillStyle = "#666"; ctx.fillRect(x + b.w / 2 - 1, y + b.h / 2 - 1, 2, 2); }
      else if (odd === ABSENT) continue;
      else if (Number.isNaN(v)) { ctx.fillStyle = "#fff"; ctx.fillRect(x, y, w, h); hatch(ctx, x, y, w, h, "#b00020", true); }
      else if (v === -Infinity) { ctx.fillStyle = "#000"; ctx.fillRect(x, y, w, h); }
      else {
        const i = 3 * Math.max(0, Math.min(255, Math.round((255 * (v - low)) / (high - low || 1))));
        ctx.fillStyle = `rgb(${data.colours[i]},${data.colours[i + 1]},${data.colours[i + 2]})`; ctx.fillRect(x, y, w, h);
      }
    }
  };
  const curve = (ctx, s, b, ink) => {
    const [low, high] = span(s), place = (v) => TOP + b.height * (1 - (v - low) / (high - low || 1));
    ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.strokeRect(LEFT, TOP, b.room, b.height);
    ctx.setLineDash([4, 3]); ctx.strokeStyle = "#b00020"; ctx.beginPath();
    if (s.key === "singular") { ctx.moveTo(LEFT, place(0)); ctx.lineTo(LEFT + b.room, place(0)); }
    if (s.mark !== null) { const x = LEFT + (s.mark + 0.5) * b.w; ctx.moveTo(x, TOP); ctx.lineTo(x, TOP + b.height); }
    ctx.stroke(); ctx.setLineDash([]);
    ctx.fillStyle = "#b00020";
    if (s.key === "singular") ctx.fillText("dashed: 1, above it a change can grow", LEFT + 6, TOP + b.height - 8);
    if (s.mark !== null) ctx.fillText("dashed: a tenth of the largest", LEFT + 6, TOP + b.height - 8);
    ctx.strokeStyle = ctx.fillStyle = ink; ctx.lineWidth = 1.6; ctx.beginPath();
    let pen = false;
    for (let c = 0; c < s.columns.length; c++) {
      const v = value(0, c), x = LEFT + (c + 0.5) * b.w;
      if (!Number.isFinite(v) || code(v)) { pen = false; continue; }
      const y = Math.max(TOP, Math.min(TOP + b.height, place(v)));
      if (pen) ctx.lineTo(x, y); else ctx.moveTo(x, y);
      pen = true; ctx.fillRect(x - 1.5, y - 1.5, 3, 3);
    }
    ctx.stroke(); ctx.lineWidth = 1;
  };
  const draw = () => {
    if (!data) return;
    const s = scene(), b = box(), scale = window.devicePixelRatio || 1, width = LEFT + b.room, height = TOP + b.height + BELOW;
    canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    const ctx = canvas.getContext("2d"), ink = getComputedStyle(root).color;
    ctx.scale(scale, scale); ctx.font = "11px monospace"; ctx.textBaseline = "middle";
    if (s.curve) curve(ctx, s, b, ink); else heat(ctx, s, b);
    ctx.fillStyle = ink;
    const every = Math.max(1, Math.ceil(14 / b.h));
    if (s.curve) { const [low, high] = span(s); ctx.fillText(words(high), 2, TOP + 8); ctx.fillText(words(low), 2, TOP + b.height - 8); }
    else for (let r = 0; r < s.rows.length; r += every) ctx.fillText(s.rows[r].length > 29 ? `${s.rows[r].slice(0, 28)}…` : s.rows[r], 2, TOP + (r + 0.5) * b.h);
    if (!s.curve && s.rowWord && every > 0 && s.rows.length && s.rowWord !== "weight and gate") ctx.fillText(s.rowWord.slice(0, 16), 34, TOP + b.h / 2);
    const step = Math.max(1, Math.ceil(40 / b.w));
    for (let c = 0; c < s.columns.length; c += step) ctx.fillText(s.columns[c], LEFT + c * b.w, TOP + b.height + 9);
    ctx.fillText(s.columnWord, LEFT, TOP + b.height + 24);
    if (!s.curve) {  // the key of the colours
      const x = LEFT + b.room - 260;
      ctx.fillText(`10^${s.limits[0]}`, x - 42, TOP + b.height + 24); ctx.fillText(`10^${s.limits[1]}`, x + 206, TOP + b.height + 24);
      for (let i = 0; i < 200; i++) { const k = 3 * Math.round((255 * i) / 199); ctx.fillStyle = `rgb(${data.colours[k]},${data.colours[k + 1]},${data.colours[k + 2]})`; ctx.fillRect(x + i, TOP + b.height + 18, 1.5, 12); }
    }
    if (focused) {
      const x = LEFT + at[1] * b.w, y = TOP + (s.curve ? 0 : at[0] * b.h), h = s.curve ? b.height : Math.max(4, b.h);
      ctx.lineWidth = 3; ctx.strokeStyle = "#000"; ctx.strokeRect(x, y, Math.max(4, b.w), h); ctx.lineWidth = 1; ctx.strokeStyle = "#fff"; ctx.strokeRect(x, y, Math.max(4, b.w), h);
    }
    const now = data.layers[layer];
    canvas.setAttribute("aria-label", `${now.name}, ${s.title}: ${s.rows.length} by ${s.columns.length}. ${now.sentence}. Arrow keys read single values.`);
    canvas.dataset.view = s.key;
  };
  const tell = () => {
    if (!data) return;
    const s = scene();
    if (s.rows.length && s.columns.length) said.textContent = `${s.title}, ${s.curve ? "" : `${s.rowWord} ${s.rows[at[0]]}, `}${s.columnWord} ${s.columns[at[1]]}: ${words(value(at[0], at[1]))}`;
  };
  const clamp = () => { const s = scene(); at = [Math.max(0, Math.min(s.rows.length - 1, at[0])), Math.max(0, Math.min(s.columns.length - 1, at[1]))]; };
  const choose = () => {
    const now = data.layers[layer], group = `glt-${Math.random()}`;
    view = Math.max(0, Math.min(view, now.scenes.length - 1));
    views.replaceChildren(...now.scenes.map((s, i) => {
      const input = make("input", { type: "radio", name: group, "data-lm-suppress-shortcuts": "true" });
      input.checked = i === view;
      input.addEventListener("change", () => { view = i; clamp(); draw(); tell(); });
      return make("label", {}, input, ` ${s.title}`);
    }));
    const shown = Math.max(...now.scenes.map((s) => s.samples));
    sample = Math.min(sample, shown);
    samples.replaceChildren(...Array.from({ length: shown + 1 }, (_, i) => make("option", { value: i }, i ? `${i - 1}` : "mean")));
    samples.value = sample;
    sentence.textContent = `${now.name} (${now.kind}${now.backwards ? ", reads backwards" : ""}): ${now.sentence}.`;
    about.textContent = `${data.of}${shown < now.samples ? `; the first ${shown} of ${now.samples} samples` : ""}${now.refused ? `; no map: ${now.refused}` : ""}`;
    clamp();
  };
  layers.addEventListener("change", () => {
    const title = scene().title;
    layer = Number(layers.value);
    const same = data.layers[layer].scenes.findIndex((s) => s.title === title);
    view = same < 0 ? 0 : same;
    choose(); draw(); tell();
  });
  samples.addEventListener("change", () => { sample = Number(samples.value); draw(); tell(); });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -1e9], End: [0, 1e9], PageUp: [-1e9, 0], PageDown: [1e9, 0] }[event.key];
    if (!move || !data) return;
    at = [at[0] + move[0], at[1] + move[1]]; clamp();
    event.preventDefault(); event.stopPropagation(); draw(); tell();
  });
  canvas.addEventListener("focus", () => { focused = true; draw(); tell(); });
  canvas.addEventListener("blur", () => { focused = false; draw(); });
  canvas.addEventListener("mousemove", (event) => {
    if (!data) return;
    const place = canvas.getBoundingClientRect(), b = box(), s = scene();
    const c = Math.floor((event.clientX - place.left - LEFT) / b.w), r = s.curve ? 0 : Math.floor((event.clientY - place.top - TOP) / b.h);
    if (c < 0 || c >= s.columns.length || r < 0 || r >= s.rows.length) return;
    at = [r, c]; tell();
  });
  const update = () => {
    const bytes = model.get("data");
    if (!bytes || !bytes.byteLength) return;
    data = unpack(bytes);
    layers.replaceChildren(...data.layers.map((l, i) => make("option", { value: i }, l.name)));
    choose(); draw();
  };
  model.on("change:data", update);
  const seen = new ResizeObserver(() => draw());
  seen.observe(root);
  update();
  $saved.keepInSaves(model.widget_manager); // this module comes before, see assemble.py
  return () => { model.off("change:data", update); seen.disconnect(); };
}

export default { render };
