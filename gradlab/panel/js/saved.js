// What a save holds of panels whose kernel is gone. JupyterLab leaves the state of a widget without a kernel out of the file that
// it saves, and whoever opens the file next reads "model not found" in place of the panel, and of its static picture too.

const STATE = "application/vnd.jupyter.widget-state+json", VIEW = "application/vnd.jupyter.widget-view+json";
const GOES = ["restarting", "autorestarting", "terminating", "dead"];
const LINK = "IPY_MODEL_"; // before the id of another model, here that of the layout

/** @type {WeakSet<any>} Of all widgets of the page, each with a copy of this module: one of them speaks for a notebook. */
const kept = ((/** @type {any} */ (globalThis))[Symbol.for("gradlab.saved")] ??= new WeakSet());

/** The ids of the widgets that a notebook's outputs show. @param {any} notebook @returns {Set<string>} */
function shown(notebook) {
  const ids = new Set();
  for (const cell of notebook.cells) {
    for (let i = 0; i < (cell.outputs?.length ?? 0); i++) ids.add(cell.outputs.get(i).data?.[VIEW]?.model_id);
  }
  return ids;
}

/** Of `state`, gradlab's models among `ids`, and what these refer to. @param {Record<string, any>} state @param {Set<string>} ids */
function ours(state, ids) {
  /** @type {Record<string, any>} */
  const found = {};
  const add = (/** @type {string} */ id) => {
    if (!state[id] || found[id]) return;
    found[id] = state[id];
    for (const value of Object.values(state[id].state)) if (typeof value === "string" && value.startsWith(LINK)) add(value.slice(LINK.length));
  };
  for (const id of ids) if (String(state[id]?.state._anywidget_id).startsWith("gradlab.")) add(id);
  return found;
}

/**
 * From now on, saves of this notebook hold its widgets of gradlab as they are, also when their kernel is gone.
 * Where the page has no notebook, or the setting that saves widgets is off, nothing happens.
 * @param {any} manager the page's widget manager
 */
export function keepInSaves(manager) {
  const context = manager?.context, notebook = context?.model, session = context?.sessionContext;
  if (!context?.saveState || !notebook?.setMetadata || !session?.statusChanged || kept.has(manager)) return;
  kept.add(manager);
  let state = {}; // read when a kernel goes, as the manager hands it out later than a save would wait
  const read = () => manager.get_state({ drop_defaults: true }).then((/** @type {any} */ all) => { state = all.state; });
  session.statusChanged.connect((/** @type {any} */ _, /** @type {string} */ status) => { if (GOES.includes(status)) read(); });
  session.kernelChanged?.connect(read); // shut down
  context.saveState.connect((/** @type {any} */ _, /** @type {string} */ step) => {
    if (step !== "started") return void read();
    const widgets = notebook.getMetadata("widgets"), there = widgets?.[STATE];
    if (there) notebook.setMetadata("widgets", { ...widgets, [STATE]: { ...there, state: { ...ours(state, shown(notebook)), ...there.state } } });
  });
}
