"""A site of two lessons, built once, and a browser without a network that looks at it from the disk."""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from browser import FLAGS, executable

from gradlab.site import answers
from gradlab.site.build import Built, Options, build
from gradlab.site.chunks import head, write
from gradlab.site.compute import panel_computed
from gradlab.site.lessons import answers_of, panels_of
from gradlab.site.pages import HOME
from gradlab.site.plan import chunks
from gradlab.site.sources import read_notebooks

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ("00_start_here", "09_own_gradients")  # panels that cost little, one of them with a choice
READY = "[data-state=ready]"


def tiny(folder: Path) -> tuple[Path, Built]:
    """The site of two lessons with their panels and that of the first page, and few positions of each.

    They are computed in this process, which has TensorFlow already; in processes of its own: `test_site_kernels.py`.
    """
    shown = [name for notebook in read_notebooks(ROOT, LESSONS).values() for name in panels_of(notebook)]
    for chunk in chunks([HOME, *shown], folder / "cache", 4):
        chunk.file.parent.mkdir(parents=True, exist_ok=True)
        if head(chunk) is None:
            write(chunk, panel_computed(chunk.name, chunk.most))
    for which in (which for notebook in read_notebooks(ROOT, LESSONS).values() for which in answers_of(notebook)):
        answers.ran(*which, folder / "cache", {}, here=True)
    options = Options(folder / "site", ROOT, folder / "cache", jobs=1, most=4, notebooks=LESSONS, reference=False)
    return options.target, build(options, say=lambda line: None)


@contextlib.contextmanager
def chromium():
    """A headless browser. One for all tests of a module: Playwright runs once in a thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def reader(browser: Any, **context: Any):
    """A page that is offline, and where nothing moves by itself, so that what is drawn can be compared at once.

    What left the disk is in `.left`, what the console complained of in `.complaints`.
    """
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context}
    opened = browser.new_context(offline=True, **settings)
    page = opened.new_page()
    page.left, page.complaints = [], []
    page.on("request", lambda r: page.left.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None)
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: page.complaints.append(str(e)))
    try:
        yield page
    finally:
        opened.close()


def pages(site: Path) -> list[str]:
    """The address of every page."""
    return sorted(p.relative_to(site).as_posix() for p in site.rglob("*.html") if "_static" not in p.parts)


def opened(page: Any, site: Path, address: str) -> list[Any]:
    """Open a page from the disk and wait until all of its panels are drawn; the panels."""
    page.goto("about:blank")  # an address that differs in its hash alone would not be opened anew
    page.goto(f"{site.as_uri()}/{address}")
    page.evaluate("Promise.all((window.gradlabHosts || []).map((host) => host.show()))")
    # A margin is drawn anew when the page knows its width, in the frame after: once in 50 panels, on a busy machine, later than here.
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    places = page.locator("[data-panel]").all()
    for place in places:
        assert place.get_attribute("data-state") == "ready", place.inner_text()
    return places


def picture(place: Any) -> list[str]:
    """All that is drawn and said of a panel's gradients."""
    return place.evaluate("""(place) => [...place.querySelectorAll('.gl-tiles canvas, .gl-strip')]
        .filter((c) => c.style.visibility !== 'hidden').map((c) => `${c.toDataURL()} ${c.getAttribute('aria-label')}`).concat(place.querySelector('.gl-outcomes').innerText)""")


def flip(place: Any) -> None:
    """Flip the switch, with a prediction first where the panel asks for one. A claim to vote on is unfolded first."""
    place.evaluate(
        "(p) => { for (let d = p.closest('details'); d; d = d.parentElement.closest('details')) d.open = true; }"
    )
    for select in place.locator(".gl-predict select").all():
        select.select_option("ok")
    if place.locator(".gl-predict input").count():
        place.locator(".gl-predict input").first.check()
    lock = place.get_by_role("button", name="Lock in")
    if lock.count():
        lock.click()
    place.locator(".gl-switch input").nth(1).check()


def try_panel(place: Any) -> None:
    """Flip the switch and turn every knob to both ends. Each changes what is shown, and all back shows the same again."""
    switch = place.locator(".gl-switch input")
    begun, at = picture(place), [switch.nth(i).is_checked() for i in (0, 1)].index(True)
    switch.nth(1 - at).check()
    flipped = picture(place)
    switch.nth(at).check()
    assert picture(place)[:-1] == begun[:-1], "the outcome may tell more now"
    host = place.evaluate("(place) => window.gradlabHosts.find((h) => h.place === place).model.positions.header.axes")
    shown = [flipped]
    for axis in host:
        if isinstance(axis["values"][0], str | bool):
            for input in place.get_by_role("radiogroup", name=axis["name"], exact=True).locator("input").all():
                input.check()
                shown.append(picture(place))
            continue
        slider = place.get_by_role("slider", name=axis["name"], exact=True)
        for key, value in (("Home", axis["values"][0]), ("End", axis["values"][-1])):
            slider.press(key)
            assert float(slider.input_value()) == value
            shown.append(picture(place))
        slider.press("ArrowLeft")
        assert float(slider.input_value()) == axis["values"][-2], "an arrow key goes to the next value that there is"
    place.get_by_role("button", name="Reset the knobs").click() if host else None
    assert picture(place)[:-1] == begun[:-1]
    assert any(one != begun for one in shown), "neither the switch nor a knob shows"


def read_back(page: Any, name: str, packed: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Every position of a panel as the page's own JavaScript unpacks it: {knobs, scene, data as float32}.

    With `packed`, {name: string}, of that string and not of the page's own panel.
    """
    found = page.evaluate(
        """async ([name, packed]) => {
          Object.assign(window.gradlabData ??= {}, packed);
          const host = window.gradlabHosts.find((h) => packed || h.name === name), out = [];
          if (!packed) await host.show();
          const all = packed ? await host.unpacked(name) : host.model.positions;
          for (let i = 0; i < all.count; i++) {
            const { scene, data } = all.at(i, 0), bytes = new Uint8Array(data.buffer).slice(4);
            let text = ""; for (const b of bytes) text += String.fromCharCode(b);
            out.push({ knobs: all.knobs(i), scene, data: btoa(text) });
          }
          return out;
        }""",
        [name, packed],
    )
    return [{**one, "data": np.frombuffer(base64.b64decode(one["data"]), "<f4")} for one in found]


def differences(found: dict[str, Any], panel: Any) -> list[str]:
    """What of a position in the browser is not what a live panel at the same knobs has. The row on the cut is the doctor's."""
    panel.turn(**found["knobs"])
    live, scene = panel.scene, found["scene"]
    wrong = [] if found["data"].tobytes() == panel.data[4:] else ["the numbers"]
    for part in ("tiles", "length", "low", "high", "verdict", "limits", "untrainable"):
        wrong += [] if _same(scene[part], live[part]) else [part]
    for here, there in zip(scene["sides"], live["sides"], strict=True):
        wrong += [] if here["groups"] == there["groups"] else ["the groups"]
        for number, line in there["margin"].items():
            mine = here["margin"].get(number, {})
            wrong += [
                f"line {number}: {key}"
                for key, value in line.items()
                if key not in ("cut", "zero") and not _same(mine.get(key), value)
            ]
    return wrong


def _same(found: Any, live: Any) -> bool:
    """Equal, with a size of a visit as float32, and a number that JSON does not have as null."""
    if isinstance(live, dict):
        return isinstance(found, dict) and found.keys() == live.keys() and all(_same(found[k], live[k]) for k in live)
    if isinstance(live, list | tuple):
        return len(found) == len(live) and all(_same(f, x) for f, x in zip(found, live, strict=True))
    if isinstance(live, float):
        return found is None if not np.isfinite(live) else bool(np.float32(found) == np.float32(live))
    return bool(found == live)
