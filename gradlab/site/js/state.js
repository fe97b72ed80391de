// Where a panel stands, in the address: #panel=rounding&bug=on&op=floor&steps=3 (and &only=panel, &large).

/** @typedef {{panel: string, bug: boolean, knobs: Record<string, string>, only: boolean, large: boolean}} State */

/** Words of the address that are no knob. */
const OWN = ["panel", "bug", "only", "large"];

/**
 * @param {string} hash
 * @returns {State|null} null where the address speaks of no panel
 */
export function read(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const panel = words.get("panel");
  if (!panel) return null;
  const knobs = Object.fromEntries([...words].filter(([key]) => !OWN.includes(key)));
  return { panel, bug: words.get("bug") === "on", knobs, only: words.get("only") === "panel", large: words.has("large") };
}

/** @param {State} state */
export function written(state) {
  const words = new URLSearchParams({ panel: state.panel, bug: state.bug ? "on" : "off", ...state.knobs });
  return `#${words}${state.only ? "&only=panel" : ""}${state.large ? "&large" : ""}`;
}
