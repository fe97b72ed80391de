"""Positions of one panel, measured by the panel itself: `gradlab.Panel` without a page.

- `panel_computed`: everything that a site has of a panel.
- `panel_of`: a panel by name, where its knobs stand at first; `position`: what its page draws at these knobs.

Runs in the worker processes of `farm`, which have TensorFlow; this file does not import it.
"""

from __future__ import annotations

import base64
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from gradlab.lab.scenario import names
from gradlab.site.grid import axes, limit, positions, whole

INFLUENCE = "influence"  # the maps of notebook 12, a panel that belongs to no scenario
PACKAGE = Path(__file__).parents[2]
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def all_names() -> list[str]:
    """Every panel that a site can show."""
    return sorted([*names(), INFLUENCE])


def panel_of(name: str) -> Any:
    """A panel with its knobs where they stand at first. Raises LookupError for an unknown name."""
    if name == INFLUENCE:
        from gradlab.panel.influence_panel import InfluencePanel

        return InfluencePanel()
    from gradlab.panel.panel import Panel

    return Panel(name)


class Failed(RuntimeError):
    """A position could not be computed; the message names the panel and the position."""


def panel_computed(name: str, most: int) -> dict[str, Any]:
    """All that a site has of a panel: {"page", "grid", "positions": [{"scene", "data"}], "trained", "picture", "cpu"}.

    `grid` is that of `grid.axes`, with all positions of the knobs; if they are more than `most`, with as many as `grid.limit`
    allows. `data` is the base64 of the float32 bytes that a notebook's page is sent, without the stamp. The panel is trained
    where its knobs stand at first, and its static picture, {"png", "words"}, is drawn there. `cpu`: the seconds that this took
    and that all positions took, for those who ask where the time goes; nothing depends on it. Raises Failed where something
    can't be measured.
    """
    began = time.process_time()
    panel = _tried(name, {}, lambda: panel_of(name))
    try:
        found: dict[str, Any] = _tried(name, panel.knobs, lambda: _once(panel))
        grid = axes(panel.page["knobs"], most)
        if whole(grid) > most:
            grid = axes(panel.page["knobs"], limit(_calls(panel), len(panel.data), most))
        found |= {"grid": grid, "positions": []}
        once = time.process_time()
        for knobs in positions(grid):
            found["positions"].append(_tried(name, knobs, partial(position, panel, knobs)))
        found["cpu"] = [round(once - began, 2), round(time.process_time() - once, 2)]
    finally:
        panel.close()
    return found


def position(panel: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """{"scene", "data"} of a panel at these knobs."""
    panel.turn(**knobs)
    if hasattr(panel, "find_cut"):
        panel.find_cut()
    data = base64.b64encode(panel.data[4:]).decode("ascii")  # the first number is the stamp
    return {"scene": {**stored(panel.scene), "stamp": 0}, "data": data}


def _once(panel: Any) -> dict[str, Any]:
    """What a page has of a panel once, where its knobs stand at first."""
    if hasattr(panel, "find_cut"):
        panel.find_cut()
        panel.train()
    bundle, _ = panel._repr_mimebundle_()
    picture = {"png": bundle["image/png"], "words": bundle["text/plain"].partition("\n")[2]}
    return {
        "page": stored(panel.page),
        "trained": stored(panel.trained) if hasattr(panel, "find_cut") else {},
        "picture": picture,
    }


def _tried(name: str, knobs: Mapping[str, Any], call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        where = ", ".join(f"{k}={v!r}" for k, v in knobs.items()) or "where its knobs stand at first"
        raise Failed(f"{name}: could not be computed at {where}: {type(error).__name__}: {error}") from error


def _calls(panel: Any) -> int:
    """How many functions setting up and running the scenario call, at both positions of its switch, where its knobs stand at
    first: a position of middling cost. They are counted in a second run, for the first one in a process also imports modules.
    """
    scenario = getattr(panel, "scenario", None)
    calls = 0
    if scenario is None:  # the maps of a trained layer: nothing of it is run
        return calls

    def seen(frame: Any, event: str, arg: Any) -> None:  # noqa: ARG001 (what sys.setprofile gives)
        nonlocal calls
        calls += event in ("call", "c_call")

    from gradlab.runtime.generators import generators_kept

    before = sys.getprofile()
    with generators_kept():
        for bug in (False, True):
            sys.setprofile(seen)
            try:
                scenario.run(bug, **scenario.setup(**panel.knobs))
            except Exception:  # what the switch is about may be an exception
                continue
            finally:
                sys.setprofile(before)
    return calls


def stored(tree: Any) -> Any:
    """The same without what belongs to this machine or this run: folders and addresses in tracebacks."""
    if isinstance(tree, dict):
        return {key: stored(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [stored(value) for value in tree]
    if isinstance(tree, str):
        for folder in _folders():
            if folder in tree:
                tree = tree.replace(folder + "/", "").replace(folder + "\\", "")
        return _ADDRESS.sub("0x...", tree) if "0x" in tree else tree
    return tree


@lru_cache(maxsize=1)
def _folders() -> tuple[str, ...]:
    """The folders of this machine that a traceback may name. Python works them out anew at each question, 1 ms each."""
    paths = sysconfig.get_paths()
    return str(PACKAGE), paths["purelib"], paths["stdlib"], sys.prefix
