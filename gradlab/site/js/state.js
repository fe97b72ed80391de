// Where a panel stands, in the address: #panel=integer_cast&bug=on&steps=12&units=4 (and &only=panel, &large, &predict=off).
// On a page with one panel its name may be left out: #large.

/** @typedef {{panel: string, bug: boolean|null, knobs: Record<string, string>, only: boolean, large: boolean, predict: boolean, odd: string[]}} State */

/** Words of the address that are no knob. */
const OWN = ["panel", "bug", "only", "large", "predict"];

/**
 * @param {string} hash @param {string} [single] the panel of a page that has one: what an address without a name is about
 * @returns {State|null} null where the address speaks of no panel; `odd` says what in it means nothing
 */
export function read(hash, single = "") {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const named = words.get("panel"), panel = named || (OWN.some((word) => words.has(word)) ? single : "");
  if (!panel) return null;
  const knobs = Object.fromEntries([...words].filter(([key]) => !OWN.includes(key))), bug = words.get("bug");
  const odd = bug === null || bug === "on" || bug === "off" ? [] : [`bug=${bug} is neither on nor off`];
  // Without a position (#large) the panel stays where it stands.
  return { panel, bug: bug === "on" ? true : bug === "off" ? false : null, knobs, only: words.get("only") === "panel", large: words.has("large"), predict: words.get("predict") !== "off", odd };
}

/** @param {{panel: string, bug: boolean, knobs: Record<string, string>, only: boolean, large: boolean, predict: boolean}} state */
export function written(state) {
  const words = new URLSearchParams({ panel: state.panel, bug: state.bug ? "on" : "off", ...state.knobs });
  return `#${words}${state.predict ? "" : "&predict=off"}${state.only ? "&only=panel" : ""}${state.large ? "&large" : ""}`;
}
