"""`View`: the widget of every panel. Its traits hold all that is drawn, so a flip needs no kernel and no message.

Switch, knobs and buttons are drawn by the same ES module; what a learner does comes back through `knobs`, `position`,
`seen` and `said`. Everything that comes back is checked here: a page is not trusted.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import anywidget
import numpy as np
import traitlets

from gradlab.lab.reading import Side
from gradlab.lab.scale import LIMITS, Scale
from gradlab.panel.assemble import module, style
from gradlab.panel.scene import STAMPS, Axes, pack


class View(anywidget.AnyWidget):
    """Heatmaps of all sources at both positions of a switch, with code, knobs and words where the page has them."""

    _esm = module()
    _css = style()
    page = traitlets.Dict().tag(sync=True)  # what does not change: titles, code, knobs, kinds
    scene = traitlets.Dict().tag(sync=True)  # what was measured, in words and offsets
    data = traitlets.Bytes(b"").tag(sync=True)  # float32: the stamp of the scene, then the numbers
    colours = traitlets.Bytes(b"").tag(sync=True)  # RGB: 256 colours of a size, 256 of a signed size
    position = traitlets.Int(0, min=0, max=1).tag(sync=True)
    knobs = traitlets.Dict().tag(sync=True)
    asked = traitlets.Int(0).tag(sync=True)  # requests made by the page, by number
    answered = traitlets.Int(0).tag(sync=True)  # the last one that is done
    working = traitlets.Bool(False).tag(sync=True)
    seen = traitlets.List(traitlets.Int(min=0, max=1)).tag(sync=True)  # positions that were on the screen
    said = traitlets.List(traitlets.Unicode()).tag(sync=True)  # the prediction, locked in: one word a group of sources
    progress = traitlets.List([0, 0]).tag(sync=True)  # steps of training done, and how many there are
    trained = traitlets.Dict().tag(sync=True)

    def __init__(self, page: Mapping[str, Any], knobs: Mapping[str, Any], position: int) -> None:
        self._stamp = 0
        self._complete = False
        super().__init__(page=dict(page), knobs=dict(knobs), position=position, colours=colour_bytes())
        self.add_class("gradlab-panel")
        self.on_msg(self._heard)

    def open(self) -> None:
        """What ipywidgets calls at the end of its own constructor. Nothing is measured by then, so the page is not told:
        a front end that reads the states of all widgets meanwhile, as JupyterLab does when it has connected, may draw
        from a copy of an unfinished panel that no later message reaches."""
        if self._complete:
            super().open()

    def complete(self) -> None:
        """Tell the page of the widget, with all that has been measured. The last line of a constructor."""
        self._complete = True
        self.open()

    def show(self, measured: Sequence[Side], scale: Scale, axes: Axes | None = None, **more: Any) -> None:
        """Replace what is drawn, description and numbers in one message. `more` goes into the scene as it is."""
        self._stamp += 1
        scene, data = pack(measured, axes, self._stamp)
        scene |= {
            "low": scale.low,
            "high": scale.high,
            "limits": [{"at": at, "words": words} for at, words in LIMITS if scale.low <= at <= scale.high],
            **more,
        }
        with self.hold_sync():
            self.data = data
            self.scene = scene

    def clean(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """The knobs' values as the page's description allows them: unknown names left out, numbers inside their range."""
        known = {knob["name"]: knob for knob in self.page.get("knobs", [])}
        return {name: cleaned(knob, knobs.get(name, knob["start"])) for name, knob in known.items()}

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the page sets. Knobs are measured meanwhile; when this is done, all that was asked for is done: also a knob
        that came back to its place before it was heard, which changes nothing here."""
        super().set_state(sync_data)
        if "asked" in sync_data:
            self.answered = max(self.answered, self.asked)

    def close(self) -> None:
        """Close the widget and the layout that belongs to it, so that nothing of a panel stays alive."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        ask = content.get("ask") if isinstance(content, dict) else None
        if ask == "ping":
            if "stamp" in content and content["stamp"] != self._stamp % STAMPS:
                self.send_state(["scene", "data"])  # lost on the way, or sent before the page listened
            self.send({"pong": True})
        elif ask == "train":
            try:
                self.train()
            finally:
                number = content.get("n")
                self.answered = max(self.answered, number if isinstance(number, int) else 0)

    def train(self) -> None:
        """What the training button does; a view without training has none."""

    def _bundle(self, png: bytes | None, words: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """(mimebundle, metadata) of the widget with a static picture and its words beside it."""
        return with_picture(super()._repr_mimebundle_(), words, png)


def with_picture(made: Any, words: str, png: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """(mimebundle, metadata) of a widget, with a static picture and a text for where no kernel or script runs.

    `made` is what `_repr_mimebundle_` of anywidget gives: a bundle, None, or a bundle with its metadata.
    """
    found, metadata = made if isinstance(made, tuple) else (made, {})
    bundle = {**(found or {}), "text/plain": words}
    if png is not None:
        bundle["image/png"] = base64.b64encode(png).decode("ascii")
        metadata = {**metadata, "image/png": {"alt": " ".join(words.split())}}  # where nbconvert looks for it
    return bundle, metadata


def range_knob(name: str, low: float, high: float, start: float, step: float | None = None) -> dict[str, Any]:
    """A knob between two ends. Whole numbers where the ends and the start are, unless a step is given."""
    if step is None and all(type(v) is int for v in (low, high, start)):
        step = 1
    # A round step: the page moves the handle to the nearest one, which would turn the knob at once.
    step = step or 10.0 ** math.floor(math.log10((high - low) / 20))
    words = f"{name}: {low:g} to {high:g}, here at first {start:g}"
    return {
        "name": name,
        "type": "range",
        "low": low,
        "high": high,
        "step": step,
        "options": [],
        "start": start,
        "words": words,
    }


def choice_knob(name: str, options: Sequence[Any], start: Any) -> dict[str, Any]:
    """A knob with a few positions."""
    words = f"{name}: {', '.join(map(str, options))}"
    return {
        "name": name,
        "type": "choice",
        "low": 0,
        "high": 0,
        "step": 0,
        "options": list(options),
        "start": start,
        "words": words,
    }


def cleaned(knob: Mapping[str, Any], value: Any) -> Any:
    """A value for this knob: the given one if it can be had, else the nearest, else where the knob began."""
    if knob["type"] == "choice":
        return (
            value
            if any(value is o or (type(value) is type(o) and value == o) for o in knob["options"])
            else knob["start"]
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return knob["start"]
    inside = min(max(value, knob["low"]), knob["high"])
    return round(inside) if type(knob["step"]) is int else float(inside)


@lru_cache(maxsize=1)
def colour_bytes() -> bytes:
    """256 colours of matplotlib's viridis and 256 of its RdBu (reversed) as RGB bytes: live and printed picture agree."""
    import matplotlib

    rgba = np.concatenate([matplotlib.colormaps[name](np.linspace(0, 1, 256)) for name in ("viridis", "RdBu_r")])
    return (rgba[:, :3] * 255).round().astype(np.uint8).tobytes()
