"""How long a panel takes from a click to pixels, beside `interact` and ipympl, in one JupyterLab, one kernel, one run.

    python benchmarks/panel.py [--flips 100] [--turns 40] [--memory [500]] [--only-memory] [--into benchmarks/panel.md]

Every click and key is a real one (of the browser's input, not of a script in the page). The clock starts with the event's own time
stamp and stops in the first task after the frame that shows the new picture. `interact` and ipympl run the same scenario and
draw its gradients with matplotlib; as both draw in Python, they answer a flip with a run of the scenario, which a panel does not need.
The floor is a button in a widget that gives one small word another colour, by the same clock, in turns with the panels: what this
machine, this browser and JupyterLab need for any change at all. A browser's frames come every 17 ms, so a click that misses one waits.
`--memory` adds 2,000 flips and 500 turns of a knob, and the kernel's memory meanwhile; with `--only-memory` nothing else is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from browser import browser, lab, open_notebook  # noqa: E402

SCENARIO = "integer_cast"
FIRST_OF_IPYMPL = 6  # the cells: start, largest, maps, the floor, two of interact, two of ipympl, the busy one
FLOOR_CELL, INTERACT_CELL, BUSY_CELL = 3, 4, 8
TURN = 10  # flips of one row before the next row's: a load that comes and goes is then in all of them
PATIENCE_MS = 60_000  # for one turn; it takes about half a second
FLIP_MS, KNOB_MS, FASTER, MEMORY = 35.0, 100.0, 3.0, 0.03  # what is wanted: see benchmarks/panel.md

START = f"""
import json, os, statistics, time
import gradlab
gradlab.start()
scenario = gradlab.load("{SCENARIO}")
open("pid", "w").write(str(os.getpid()))
largest = {{name: span[-1] for name, span in scenario.knobs.items()}}
def own(**knobs):
    took = []
    for _ in range(7):
        started = time.perf_counter()
        gradlab.compare(scenario, **knobs)
        took.append(time.perf_counter() - started)
    return statistics.median(took)
json.dump({{"default": own(), "largest": own(**largest)}}, open("runs", "w"))
gradlab.Panel("{SCENARIO}")
"""
LARGEST = f'gradlab.Panel("{SCENARIO}", **{{**largest, "units": largest["units"] - 1}})'
MAPS = "from gradlab.panel.influence_panel import InfluencePanel\nInfluencePanel(steps=100)"
FLOOR = """
import anywidget
class Floor(anywidget.AnyWidget):
    _esm = "export function render({ el }) { const button = document.createElement('button'), word = document.createElement('b'); " \
           "button.textContent = 'change'; word.textContent = 'word'; el.className = 'floor'; el.append(button, word); " \
           "button.addEventListener('click', () => word.classList.toggle('changed')); }"
    _css = ".floor .changed { background: black; color: white; }"
Floor()
"""
GRADIENTS = """
import numpy as np
def gradients(bug, knobs):
    _, sources, found = scenario.run(bug, **scenario.setup(**knobs))[:3]
    pictures = [np.zeros(np.shape(sources[name])) if found[name] is None else np.asarray(found[name]) for name in sources]
    return {name: np.log10(np.abs(np.atleast_2d(p)) + 1e-12) for name, p in zip(sources, pictures)}
"""
INTERACT = (
    GRADIENTS
    + """
%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import Checkbox, IntSlider, interact
def show(bug, units):
    found = gradients(bug, {**KNOBS, "units": units})
    figure, axes = plt.subplots(1, len(found), figsize=(9, 3))
    for ax, (name, rows) in zip(axes, found.items()):
        ax.imshow(rows, vmin=-4, vmax=2)
        ax.set_title(f"{name}, {units} units" + (": bug" if bug else ""))
    plt.show()
interact(show, bug=Checkbox(False, description="bug"), units=IntSlider(UNITS, 1, 12, description="units"));
"""
)
IPYMPL = (
    GRADIENTS
    + """
%matplotlib widget
import matplotlib.pyplot as plt
from ipywidgets import Checkbox, IntSlider
from IPython.display import display
figure, axes = plt.subplots(1, 3, figsize=(9, 3))
bug, units = Checkbox(False, description="bug"), IntSlider(UNITS, 1, 12, description="units")
def redraw(change=None):
    found = gradients(bug.value, {**KNOBS, "units": units.value})
    for ax, (name, rows) in zip(axes, found.items()):
        ax.clear()
        ax.imshow(rows, vmin=-4, vmax=2)
        ax.set_title(f"{name}, {units.value} units" + (": bug" if bug.value else ""))
    figure.canvas.draw_idle()
bug.observe(redraw, "value"), units.observe(redraw, "value")
display(bug, units)
redraw()
"""
)
BUSY = "end = time.time() + SECONDS\nwhile time.time() < end:\n    sum(range(1000))"

# In the page: `clock(root, event, changed)` waits for the next such event under `root`, then for the frame that shows the change.
CLOCK = """() => {
  window.look = {
    panel: root => [...root.querySelectorAll('figure canvas')].map(c => c.getAttribute('aria-label')).join() + root.querySelector('.gl').dataset.position,
    floor: root => root.querySelector('.floor b').className + 'word',
    margin: root => root.querySelector('.gl-name').textContent + root.querySelector('.gl-code')?.classList.contains('gl-stale'),
    interact: root => root.querySelector('.jp-OutputArea img')?.src ?? '',
    // The titles alone: they change with either control, and reading the whole canvas would cost more than drawing it.
    ipympl: root => { const c = root.querySelector('.jp-OutputArea canvas');
      return c ? c.getContext('2d').getImageData(0, 0, c.width, 60).data.reduce((s, v, i) => (s * 31 + v) | 0, 7) : ''; },
  };
  window.clock = (root, how, limit) => {
    const before = look[how](root), wait = how === 'margin' ? s => s !== before && s.endsWith('false') : s => s !== before && s !== '';
    window.timing = new Promise(done => {
      setTimeout(() => done(null), limit + 5000);
      const begin = event => {
        for (const kind of ['pointerdown', 'keydown']) document.removeEventListener(kind, begin, true);
        const poll = () => {
          if (performance.now() - event.timeStamp > limit) return done(null);
          if (!wait(String(look[how](root)))) return requestAnimationFrame(poll);
          const shown = how === 'interact' ? root.querySelector('.jp-OutputArea img').decode().catch(() => 0) : Promise.resolve(); // replaced meanwhile: it was on the screen
          shown.then(() => requestAnimationFrame(() => setTimeout(() => done(performance.now() - event.timeStamp), 0)));
        };
        // A change that is there when the handlers are done is on the screen after the next frame.
        setTimeout(() => wait(String(look[how](root))) && (how === 'panel' || how === 'floor')
          ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - event.timeStamp), 0)) : requestAnimationFrame(poll), 0);
      };
      for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, begin, true);
    });
  };
}"""


def main() -> None:
    """Measure, print, and write the page where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--memory", type=int, nargs="?", const=500, help="turns in one kernel, four flips each (500)")
    parser.add_argument("--only-memory", action="store_true", help="the memory alone, with one panel in the notebook")
    parser.add_argument("--into", type=Path, help="write the table as a page")
    chosen = parser.parse_args()
    if chosen.only_memory:
        chosen.memory = chosen.memory or 500
    home = Path(tempfile.mkdtemp())
    work = home / "work"
    work.mkdir()
    largest = {"KNOBS": "largest", "UNITS": "11"}
    default = {"KNOBS": "{}", "UNITS": "4"}
    cells = [START, LARGEST, MAPS, FLOOR]
    cells += [_filled(text, names) for text in (INTERACT, IPYMPL) for names in (default, largest)]
    cells += [BUSY.replace("SECONDS", "90")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "bench.ipynb")
    with lab(work, home) as address, browser(home) as page:
        page.set_viewport_size({"width": 1366, "height": 768})
        bench = Bench(page, work, chosen.flips, chosen.turns)
        bench.open(address, 1 if chosen.only_memory else FIRST_OF_IPYMPL)
        if not chosen.only_memory:
            bench.measure()
        if chosen.memory:
            bench.memory(4 * chosen.memory, chosen.memory)
        assert not [c for c in page.complaints if "gradlab" in c], page.complaints
    text = bench.table()
    print(text)
    if chosen.into:
        head = chosen.into.read_text(encoding="utf-8").split("<!-- measured -->")[0] if chosen.into.exists() else ""
        chosen.into.write_text(f"{head}<!-- measured -->\n\n{text}", encoding="utf-8")
    raise SystemExit(0 if bench.met() else 1)


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


class Bench:
    """One notebook in one browser, and what was measured in it: {row: milliseconds}."""

    def __init__(self, page: Any, work: Path, flips: int, turns: int) -> None:
        self.page, self.work, self.flips, self.turns = page, work, flips, turns
        self.found: dict[str, list[float]] = {}
        self.said: set[str] = set()
        self.remembered: list[tuple[int, int, float]] = []  # flips, turns, kernel's memory in MB

    def open(self, address: str, end: int) -> None:
        """Run the cells above this one, and wait until each has drawn: those of ipympl come later, as `%matplotlib widget`
        holds for the whole kernel."""
        open_notebook(self.page, address, "bench.ipynb")
        self.cell(end).locator(".cm-content").click()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Above Selected Cell", exact=True).click()
        self.page.evaluate(CLOCK)
        for i in range(end):
            if i != FLOOR_CELL:
                self.drawn(i)
        self.idle()

    def drawn(self, i: int) -> None:
        self.cell(i).scroll_into_view_if_needed()
        self.cell(i).locator("canvas, img").first.wait_for(timeout=240_000)

    def start_cell(self, i: int) -> None:
        self.cell(i).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def cell(self, i: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(i)

    def idle(self) -> None:
        """Wait until the kernel has nothing to do for half a second."""
        quiet = 0.0
        while quiet < 0.5:
            busy = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").count()
            quiet = 0.0 if busy else quiet + 0.1
            self.page.wait_for_timeout(100)

    def clock(self, root: Any, how: str, act: Any, limit: float = 30_000) -> float | None:
        """Milliseconds from the event that `act` causes to the changed picture; None if it did not change in time."""
        root.evaluate("(root, [how, limit]) => clock(root, how, limit)", [how, limit])
        act()
        return self.page.evaluate("() => window.timing")

    def measure(self) -> None:
        """Every row, the quiet kernel first."""
        self.flip_in_turns(
            {
                "floor: one word changes its colour": None,
                "panel, flip, default": self.cell(0),
                "panel, flip, largest": self.cell(1),
                "panel, flip, three maps of 100 × 100": self.cell(2),
            }
        )
        for size, panel in (("default", self.cell(0)), ("largest", self.cell(1))):
            self.turn_panel(panel, size)
        self.say()
        for i, name in ((INTERACT_CELL, "interact"), (FIRST_OF_IPYMPL, "ipympl")):
            for j, size in enumerate(("default", "largest")):
                if name == "ipympl":
                    self.start_cell(i + j)
                    self.drawn(i + j)
                    self.idle()
                self.turn_other(self.cell(i + j), name, size)
                self.say()
        self.start_cell(BUSY_CELL)
        self.page.wait_for_timeout(1000)
        self.flip_in_turns(
            {
                "floor while the kernel is busy": None,
                "panel, flip while the kernel is busy, default": self.cell(0),
                "panel, flip while the kernel is busy, largest": self.cell(1),
            }
        )
        root = self.cell(INTERACT_CELL)
        box = root.get_by_role("checkbox")
        box.scroll_into_view_if_needed()
        answered = self.clock(root, "interact", box.click, 3000)
        self.found["interact, flip while the kernel is busy, default"] = [] if answered is None else [answered]
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name="Interrupt Kernel").click()
        self.idle()

    def say(self) -> None:
        """What is done so far, as progress."""
        for row in [r for r in self.found if r not in self.said]:
            print(f"{row}: {np.nanmedian(self.found[row]):.0f} ms", flush=True)
            self.said.add(row)

    def flip_in_turns(self, rows: dict[str, Any]) -> None:
        """Flips of all these rows, a few of each in turn; None stands for the floor."""
        for done in range(0, self.flips, TURN):
            for row, cell in rows.items():
                most = min(TURN, self.flips - done)
                if cell is None:
                    self.click_floor(row, most)
                else:
                    self.flip_panel(cell, row, most)

    def click_floor(self, row: str, most: int) -> None:
        cell = self.cell(FLOOR_CELL)
        button = cell.locator(".floor button")
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        for _ in range(most):
            took = self.clock(cell, "floor", lambda: self.page.mouse.click(box["x"] + 12, box["y"] + box["height"] / 2))
            self.found.setdefault(row, []).append(float("nan") if took is None else took)

    def flip_panel(self, cell: Any, row: str, most: int) -> None:
        panel = cell.locator(".gradlab-panel")
        switch = panel.locator(".gl-switch label")
        switch.nth(1).scroll_into_view_if_needed()
        spots = [(b["x"] + 12, b["y"] + b["height"] / 2) for b in (switch.nth(i).bounding_box() for i in (0, 1))]
        now = int(panel.locator(".gl").get_attribute("data-position"))
        for _ in range(most):
            now = 1 - now
            took = self.clock(panel, "panel", lambda now=now: self.page.mouse.click(*spots[now]))
            self.found.setdefault(row, []).append(float("nan") if took is None else took)

    def turn_panel(self, cell: Any, size: str) -> None:
        panel = cell.locator(".gradlab-panel")
        knob = panel.get_by_role("slider", name="units")
        knob.scroll_into_view_if_needed()
        knob.focus()
        for how, row in (("panel", f"panel, knob, {size}"), ("margin", f"panel, knob, until the margin too, {size}")):
            for i in range(self.turns):
                self.idle_panel(panel)
                took = self.clock(panel, how, lambda i=i: knob.press("ArrowRight" if i % 2 == 0 else "ArrowLeft"))
                own = 1000 * self.runs()[size]
                took = float("nan") if took is None else took
                self.found.setdefault(row, []).append(took)
                self.found.setdefault(f"{row}: beyond the scenario's run", []).append(took - own)

    def idle_panel(self, panel: Any) -> None:
        panel.evaluate(
            "p => new Promise(done => { const look = () => p.querySelector('.gl-code')?.classList.contains('gl-stale') ? setTimeout(look, 20) : setTimeout(done, 60); look(); })"
        )

    def turn_other(self, cell: Any, name: str, size: str) -> None:
        box = cell.get_by_role("checkbox")
        box.scroll_into_view_if_needed()
        for _ in range(self.turns):
            took = self.clock(cell, name, box.click)
            self.found.setdefault(f"{name}, flip, {size}", []).append(float("nan") if took is None else took)
            self.page.wait_for_timeout(60)
        rail = cell.locator(".noUi-base").first.bounding_box()
        spots = [(rail["x"] + share * rail["width"], rail["y"] + rail["height"] / 2) for share in (0.3, 0.6)]
        for i in range(self.turns):
            took = self.clock(cell, name, lambda i=i: self.page.mouse.click(*spots[i % 2]))
            self.found.setdefault(f"{name}, knob, {size}", []).append(float("nan") if took is None else took)
            self.page.wait_for_timeout(60)

    def runs(self) -> dict[str, float]:
        """Seconds that `gradlab.compare` takes at these knobs: both positions and their finite differences, without a panel."""
        found: dict[str, float] = json.loads((self.work / "runs").read_text())
        return found

    def memory(self, flips: int, turns: int) -> None:
        """Flips and turns in turn, four to one, and the kernel's memory after every fiftieth turn.

        The knob goes up and down between its ends. It is the one that changes the shapes: at the switched position, where all
        gradients are None, a knob that does not would leave the picture as it is, and there would be nothing to wait for.
        """
        panel = self.cell(0).locator(".gradlab-panel")
        panel.scroll_into_view_if_needed()
        kernel = psutil.Process(int((self.work / "pid").read_text()))
        for turn in range(turns):
            answered = panel.evaluate(
                """async (p, [flips, turn, limit]) => {
                  const inputs = p.querySelectorAll('.gl-switch input'), knob = p.querySelector('.gl-knob input[aria-label=units]');
                  for (let i = 0; i < flips; i++) { inputs[i % 2].click(); await new Promise(requestAnimationFrame); }
                  const before = look.panel(p), began = performance.now();
                  const low = Number(knob.min), span = Number(knob.max) - low, at = (turn + 1) % (2 * span);
                  knob.value = String(low + (at <= span ? at : 2 * span - at)); knob.dispatchEvent(new Event('input'));
                  while (look.panel(p) === before || p.querySelector('.gl-code').classList.contains('gl-stale')) {
                    if (performance.now() - began > limit) return false;
                    await new Promise(requestAnimationFrame);
                  }
                  return true;
                }""",
                [flips // turns, turn, PATIENCE_MS],
            )
            if not answered:
                raise TimeoutError(
                    f"turn {turn + 1} of {turns}: the panel showed no other picture within {PATIENCE_MS / 1000:.0f} s. It says: "
                    f"{panel.locator('.gl-kernel').inner_text() or 'nothing'}"
                )
            if turn % 50 == 49:
                self.remembered.append(((turn + 1) * flips // turns, turn + 1, kernel.memory_info().rss / 1e6))
                print(f"{self.remembered[-1]}", file=sys.stderr, flush=True)

    def ratio(self) -> float:
        """How many times faster than with `interact` a flip of the panel is, by the medians: the smaller of the two sizes."""
        middle = lambda row: float(np.nanmedian(self.found[row]))  # noqa: E731
        sizes = ("default", "largest")
        return min(middle(f"interact, flip, {size}") / middle(f"panel, flip, {size}") for size in sizes)

    def grown(self) -> float:
        """By how much the kernel's memory grew after the first 200 flips, as a share."""
        after = [mb for flips, _, mb in self.remembered if flips >= 200]
        return after[-1] / after[0] - 1 if after else 0.0

    def met(self) -> bool:
        """Whether every target is met."""
        if not self.found:
            return self.grown() <= MEMORY
        high = lambda row: float(np.nanpercentile(self.found[row], 95))  # noqa: E731
        flips = [high(row) for row in self.found if row.startswith("panel, flip")]
        knobs = [high(f"panel, knob, {size}: beyond the scenario's run") for size in ("default", "largest")]
        return max(flips) < FLIP_MS and max(knobs) < KNOB_MS and self.ratio() >= FASTER and self.grown() <= MEMORY

    def table(self) -> str:
        """The page's measured part."""
        lines = ["| from click to pixels, milliseconds | p50 | p95 | n |", "|---|---|---|---|"] if self.found else []
        for row, values in self.found.items():
            some = [v for v in values if v == v]
            if not some:
                lines.append(f"| {row} | no answer | no answer until the cell has ended | {len(values)} |")
                continue
            p50, p95 = np.percentile(some, [50, 95])
            missed = f" ({len(values) - len(some)} without an answer)" if len(some) < len(values) else ""
            lines.append(f"| {row} | {p50:.0f} | {p95:.0f} | {len(some)}{missed} |")
        if self.found:
            lines += [
                "",
                f"A flip is {self.ratio():.1f} times as fast as with `interact` (medians, the smaller of the two sizes).",
            ]
        if self.remembered:
            lines += ["", "| flips | turns | memory of the kernel, MB |", "|---|---|---|"]
            lines += [f"| {flips} | {turns} | {mb:.0f} |" for flips, turns, mb in self.remembered]
            lines += ["", f"Grown by {100 * self.grown():.1f} % after the first 200 flips."]
        import tensorflow as tf

        lines += ["", f"{time.strftime('%Y-%m-%d')}: TensorFlow {tf.__version__}, Python {platform.python_version()}, Chromium, "
                  f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f} (a load above the number of cores says that other programs ran too).", ""]  # fmt: skip
        return "\n".join(lines)


if __name__ == "__main__":
    main()
