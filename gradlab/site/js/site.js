// All panels of a page of the site. `render` starts them; the bundle calls it with the panel's own module.
import { Host } from "./host.js";
import { progress } from "./progress.js";
import { read } from "./state.js";

/** @param {import("./host.js").Parts} parts */
export function render(parts) {
  /** @type {Record<string, number>} */ const seen = {};
  const places = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-panel]")]);
  const hosts = places.map((place) => {
    const name = place.dataset.panel || "", number = (seen[name] = (seen[name] || 0) + 1);
    return new Host(place, number > 1 ? `${name}.${number}` : name, parts, places.length === 1); // a page may show a panel twice
  });
  const follow = () => { for (const host of hosts) host.follow(); unknown(hosts); };
  window.addEventListener("hashchange", follow);
  window.addEventListener("beforeprint", () => { for (const host of hosts) host.show(); });
  follow();
  progress(parts.base);
  const first = hosts.find((host) => host.place.getBoundingClientRect().top < innerHeight);
  if (first) first.show().then(() => requestAnimationFrame(() => setTimeout(later))); // it is drawn, and can be used
  else later();
  return hosts;
}

/** Say it where the address names a panel that the page does not have. @param {Host[]} hosts */
function unknown(hosts) {
  document.querySelector(".gradlab-unknown")?.remove();
  const state = read(location.hash);
  if (!state || hosts.some((host) => host.id === state.panel)) return;
  const line = document.createElement("p");
  line.className = "gradlab-corrected gradlab-unknown"; line.setAttribute("role", "status");
  (document.querySelector("article") || document.body).prepend(line);
  setTimeout(() => { line.textContent = `The link asks for the panel ${state.panel}, which this page does not have. ${hosts.length ? `It has ${[...new Set(hosts.map((host) => host.id))].join(", ")}.` : "It has no panel."}`; });
}

// What the page's theme runs, its menus and colours, in the order of the page: a meta element names each script. And its icons,
// whose font is 110 kB.
function later() {
  try { localStorage.removeItem("sphinx_highlight_terms"); } catch { /* the browser keeps nothing */ } // else found words, and a button on them, stay on every page
  document.documentElement.classList.remove("gradlab-early");
  for (const mark of /** @type {HTMLMetaElement[]} */ ([...document.querySelectorAll("meta[name=gradlab-later]")])) {
    const script = document.createElement("script");
    script.src = mark.content; script.async = false;
    document.head.append(script);
    mark.remove();
  }
}
