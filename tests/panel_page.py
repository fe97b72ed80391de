"""A panel's ES module on a bare page, with its traits in a stub model: no Jupyter, no kernel. What a static site would do."""

from __future__ import annotations

import base64
import contextlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from browser import FLAGS, executable

from gradlab.panel.assemble import module, style

TRAITS = "page scene data colours position knobs asked answered working seen said progress trained".split()
NOTEBOOK = 934  # CSS pixels: what JupyterLab leaves for an output on a screen of 1366 with the file browser open

# The model of a front end, as far as the module uses one. `late` traits are missing until `give` brings them.
STUB = """
const bytes = (text) => { const s = atob(text), a = new Uint8Array(s.length); for (let i = 0; i < s.length; i++) a[i] = s.charCodeAt(i); return new DataView(a.buffer); };
const open = (traits) => Object.fromEntries(Object.entries(traits).map(([k, v]) => [k, v && v.bytes !== undefined ? bytes(v.bytes) : v]));
export class Model {
  constructor(traits, manager) { this.traits = open(traits); this.calls = {}; this.sent = []; this.saved = 0; if (manager) this.widget_manager = manager; }
  get(name) { return this.traits[name]; }
  set(name, value) { this.traits[name] = value; for (const call of this.calls[`change:${name}`] || []) call(); }
  give(traits) { for (const [name, value] of Object.entries(open(traits))) this.set(name, value); }
  on(event, call) { (this.calls[event] ??= []).push(call); }
  off(event, call) { this.calls[event] = (this.calls[event] || []).filter((c) => c !== call); }
  save_changes() { this.saved++; }
  send(content) { this.sent.push(content); }
}
"""


def traits(panel: Any) -> dict[str, Any]:
    """The synced traits of a panel as JSON."""
    found = {name: getattr(panel, name) for name in TRAITS}
    for name in ("data", "colours"):
        found[name] = {"bytes": base64.b64encode(found[name]).decode("ascii")}
    return found


@contextlib.contextmanager
def bare_page(width: int = NOTEBOOK + 16, dark: bool = False):
    """A page on which `add` puts panels; what its console complains of is in `page.complaints`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 768})
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.set_content(f"<!doctype html><body style='margin:8px;background:{'#111' if dark else '#fff'}'></body>")
        page.add_style_tag(content=style())
        page.evaluate(
            """async ([panel, stub]) => {
              const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
              window.panel = (await load(panel)).default; window.Model = (await load(stub)).Model; window.models = []; window.ends = [];
            }""",
            [module(), STUB],
        )
        try:
            yield page
        finally:
            browser.close()


def add(page: Any, found: dict[str, Any], manager: dict[str, Any] | str | None = None) -> Any:
    """Put a panel with these traits on the page; its locator. `manager` stands in for a widget manager; a name is one of the page's."""
    number = page.evaluate(
        """([traits, manager]) => {
          const el = document.createElement("div"), model = new window.Model(traits, typeof manager === "string" ? window[manager] : manager);
          el.className = "gradlab-panel"; el.style.marginBottom = "12px"; document.body.append(el);
          window.models.push(model); window.ends.push(window.panel.render({ model, el }));
          return window.models.length - 1;
        }""",
        [found, manager],
    )
    return page.locator(".gradlab-panel").nth(number)
