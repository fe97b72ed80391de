// Where a panel stands, in the address: #panel=rounding&bug=on&op=floor&steps=3 (and &only=panel, &large).
// On a page with one panel its name may be left out: #large.

/** @typedef {{panel: string, bug: boolean|null, knobs: Record<string, string>, only: boolean, large: boolean}} State */

/** Words of the address that are no knob. */
const OWN = ["panel", "bug", "only", "large"];

/**
 * @param {string} hash @param {string} [single] the panel of a page that has one: what an address without a name is about
 * @returns {State|null} null where the address speaks of no panel
 */
export function read(hash, single = "") {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const named = words.get("panel"), panel = named || (OWN.some((word) => words.has(word)) ? single : "");
  if (!panel) return null;
  const knobs = Object.fromEntries([...words].filter(([key]) => !OWN.includes(key)));
  // Without a name and a position (#large) the panel stays where it stands, and a question is still asked first.
  return { panel, bug: named || words.has("bug") ? words.get("bug") === "on" : null, knobs, only: words.get("only") === "panel", large: words.has("large") };
}

/** @param {State} state */
export function written(state) {
  const words = new URLSearchParams({ panel: state.panel, bug: state.bug ? "on" : "off", ...state.knobs });
  return `#${words}${state.only ? "&only=panel" : ""}${state.large ? "&large" : ""}`;
}
