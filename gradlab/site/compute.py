"""Positions of one panel, measured by the panel itself: `gradlab.Panel` without a page.

- `panel_of`: a panel by name, where its knobs stand at first; `knobs_of`: its knobs alone.
- `computed`: everything that a page draws, at these positions of the knobs.

Runs in the worker processes of `farm`, which have TensorFlow; this file does not import it.
"""

from __future__ import annotations

import base64
import re
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradlab.lab.scenario import names

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


def knobs_of(name: str) -> list[dict[str, Any]]:
    """The knobs of a panel as its page describes them, without measuring anything."""
    if name == INFLUENCE:
        from gradlab.panel.influence_panel import dials

        return dials()
    from gradlab.lab.scenario import load
    from gradlab.panel.panel import _knob

    scenario = load(name)
    start = scenario.defaults
    return [_knob(knob, span, start[knob]) for knob, span in scenario.knobs.items()]


def computed(name: str, positions: Sequence[Mapping[str, Any]], trained: bool = False) -> dict[str, Any]:
    """{"page", "positions": [{"scene", "data"}], "trained", "picture"} at these positions of the knobs.

    `data` is the base64 of the float32 bytes that a notebook's page is sent, without the stamp. With `trained` the panel
    is trained at its first position too, and its static picture is drawn: {"png", "words"}.
    """
    panel = panel_of(name)
    found: dict[str, Any] = {"positions": [], "trained": {}, "picture": None}
    try:
        if hasattr(panel, "find_cut"):
            panel.find_cut()
        found["page"] = _stored(panel.page)
        if trained:
            if hasattr(panel, "find_cut"):
                panel.train()
                found["trained"] = _stored(panel.trained)
            bundle = panel._repr_mimebundle_()
            found["picture"] = {"png": bundle["image/png"], "words": bundle["text/plain"].partition("\n")[2]}
        for knobs in positions:
            panel.turn(**knobs)
            if hasattr(panel, "find_cut"):
                panel.find_cut()
            data = base64.b64encode(panel.data[4:]).decode("ascii")  # the first number is the stamp
            found["positions"].append({"scene": {**_stored(panel.scene), "stamp": 0}, "data": data})
    finally:
        panel.close()
    return found


def _stored(tree: Any) -> Any:
    """The same without what belongs to this machine or this run: folders and addresses in tracebacks."""
    if isinstance(tree, dict):
        return {key: _stored(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_stored(value) for value in tree]
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
