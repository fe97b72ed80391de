// A mark for each page that was worked through, kept in this browser only.

const KEY = "gradlab-done";

/** @returns {string[]} */
function done() { try { const found = JSON.parse(localStorage.getItem(KEY) || "[]"); return Array.isArray(found) ? found : []; } catch { return []; } }

/** @param {string} href the address of a page @param {string} base that of the site */
function name(href, base) { return new URL(href, location.href).href.replace(/[#?].*$/, "").replace(new URL(base, location.href).href.replace(/_static\/.*$/, ""), ""); }

/** @param {string} base the address of the site's static files */
export function progress(base) {
  const box = /** @type {HTMLInputElement|null} */ (document.querySelector("#gradlab-done")), here = name(location.href, base);
  if (box) {
    box.disabled = false;
    box.checked = done().includes(here);
    box.addEventListener("change", () => {
      const left = done().filter((page) => page !== here);
      try { localStorage.setItem(KEY, JSON.stringify(box.checked ? [...left, here] : left)); } catch { box.checked = false; box.disabled = true; box.parentElement?.append(" This browser keeps nothing for this page, so the mark cannot be kept."); }
      mark(base);
    });
  }
  mark(base);
}

/** @param {string} base */
function mark(base) {
  const pages = done();
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("a.reference.internal, .bd-sidebar a"))) {
    if (link.hash || !/\/(notebooks|questions|scenarios)\b/.test(new URL(link.href).pathname)) continue;
    const is = pages.includes(name(link.href, base));
    link.classList.toggle("gradlab-done", is);
    if (is) link.title = "you have marked this page as done"; else link.removeAttribute("title");
  }
}
