"""`Panel`: one scenario, live. Controls are ordinary ipywidgets; the switch flips in the browser, knobs ask Python."""

from __future__ import annotations

import base64
import html
import math
import os
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets

from gradlab.lab.heatmap import describe, picture
from gradlab.lab.reading import Kind, Side
from gradlab.lab.scenario import Scenario, load
from gradlab.panel.blamed_line_row import CutRow, after_this_cell
from gradlab.panel.curves import training_html
from gradlab.panel.heat import Heat
from gradlab.panel.words import error_html, source_html, verdict_html
from gradlab.runtime import tf_loading
from gradlab.runtime.tf_environment import chosen_keras

if TYPE_CHECKING:
    from gradlab.lab.blamed_line import Cut

STEPS = 30  # of the training button


class Panel(ipywidgets.VBox):
    """A scenario's switch, knobs, heatmaps, words, code and a training button.

    `scenario` is a name (`gradlab.names()` lists them) or a `Scenario` of your own; `bug` is where the switch stands at
    first. Raises LookupError for an unknown name. An exception in the scenario is shown in the panel; with
    GRADLAB_STRICT=1 in the environment, as in tests, it is raised as well.

    The line that cuts the gradient is looked for by the doctor once the cell that made the panel is done and its
    heatmaps are on the page, and again after a knob has changed the kinds of the switched side; with GRADLAB_STRICT=1
    only when `find_cut` is called, so that a compared page does not depend on it.
    """

    def __init__(self, scenario: str | Scenario, bug: bool = False, device: str | None = None) -> None:
        _announce_loading()
        tf_loading.wait()
        self.scenario = load(scenario) if isinstance(scenario, str) else scenario
        self.device = device or tf_loading.device()
        self.sides: tuple[Side, Side] | None = None
        self._cut = CutRow(self.scenario, self.device)
        self._lock = threading.Lock()  # a callback may run beside a cell, in a thread of the kernel
        self._switch = ipywidgets.RadioButtons(
            options=list(self.scenario.switch), index=int(bug), description="Switch:", layout={"width": "max-content"}
        )
        self._knobs = {name: _knob(name, span, self.scenario) for name, span in self.scenario.knobs.items()}
        self._heat = Heat(position=int(bug))
        self._verdict, self._error = ipywidgets.HTML(), ipywidgets.HTML()
        self._train = ipywidgets.Button(
            description=f"Train {STEPS} steps", tooltip=f"{STEPS} steps of gradient descent at both positions"
        )
        self._progress = ipywidgets.IntProgress(max=2 * STEPS, layout={"visibility": "hidden"})
        self._trained = ipywidgets.HTML()
        # In the browser, so that it needs no kernel. Python-side code calls `flip`, which sets both ends.
        self._link = ipywidgets.jslink((self._switch, "index"), (self._heat, "position"))
        for knob in self._knobs.values():
            knob.observe(self._on_knob, "value")
        self._train.on_click(self._on_train)
        heading = f"<b>{html.escape(self.scenario.title)}</b>"
        super().__init__(
            [
                ipywidgets.HTML(heading),
                self._switch,
                *self._knobs.values(),
                self._heat,
                self._error,
                self._verdict,
                ipywidgets.HTML(source_html(self.scenario)),
                ipywidgets.HBox([self._train, self._progress]),
                self._trained,
            ]
        )
        self.add_class("gradlab-panel")
        self._cut.awaited = not _strict() and after_this_cell(self.find_cut)
        self._measure()

    @property
    def bug(self) -> bool:
        """Where the switch stands."""
        return bool(self._switch.index)

    def flip(self, bug: bool) -> None:
        """Set the switch from Python: the link between switch and heatmap lives in the browser only."""
        self._switch.index = self._heat.position = int(bug)

    @property
    def knobs(self) -> dict[str, Any]:
        """The knobs' positions."""
        return {name: knob.value for name, knob in self._knobs.items()}

    def turn(self, **knobs: Any) -> None:
        """Set knobs from Python. Raises LookupError for a knob that the scenario does not have."""
        for name, value in knobs.items():
            if name not in self._knobs:
                raise LookupError(f"`{self.scenario.name}` has no knob `{name}`. It has: {', '.join(self._knobs)}.")
            self._knobs[name].value = value

    def train(self) -> None:
        """What the training button does."""
        self._on_train(self._train)

    def find_cut(self) -> dict[str, Cut]:
        """Ask the doctor which lines cut the gradients of the switched side, and show them in the verdict.

        Returns {source: `gradlab.lab.blamed_line.Cut`}, from the last look if the kinds are the same. An error of the doctor is
        shown in words, and the result is empty; with GRADLAB_STRICT=1 it is raised as well.
        """
        with self._lock:
            if self.sides is None:
                return {}
            try:
                return self._cut.look(self.sides[1], self.knobs, _strict())
            finally:
                self._cut.awaited = False
                self._show_verdict()

    def _on_knob(self, _: Any) -> None:
        self._trained.value = ""
        self._measure()
        if not _strict() and not self._cut.awaited:
            self.find_cut()  # from memory unless the kinds are new; the heatmaps are on their way already

    def _show_verdict(self) -> None:
        from gradlab.lab.measure import keras_version

        if self.sides is not None:
            row = self._cut.html(self.sides[1])
            self._verdict.value = verdict_html(self.scenario, self.sides, keras_version(), row)

    def _measure(self) -> None:
        from gradlab.lab.measure import compare, keras_version

        with self._lock:
            try:
                sides = compare(self.scenario, self.device, **self.knobs)
                keras = keras_version()
                breaks = self.scenario.expected(keras)[1]
                self.sides = sides
                self._heat.show(self.scenario.switch, sides)
                self._show_verdict()
                self._error.value, unexpected = _raised(self.scenario, sides, breaks)
                self._train.disabled, self._train.tooltip = _trainable(sides, self._train.tooltip)
            except Exception as error:
                self._error.value, unexpected = error_html("gradlab could not measure this", error), error
        if unexpected is not None and _strict():
            raise unexpected

    def _on_train(self, _: Any) -> None:
        from gradlab.lab.training import train

        with self._lock:
            self._progress.value, self._progress.layout.visibility = 0, "visible"
            self._train.disabled, failed = True, None
            try:
                histories = [
                    train(self.scenario, bug, STEPS, self.device, self.knobs, self._step) for bug in (False, True)
                ]
                self._trained.value = training_html(self.scenario.switch, histories)
            except Exception as error:
                self._trained.value, failed = error_html("Training stopped", error), error
            finally:
                self._train.disabled = False
                self._progress.layout.visibility = "hidden"
        if failed is not None and _strict():
            raise failed

    def _step(self) -> None:
        self._progress.value += 1

    def __repr__(self) -> str:
        """Short and the same at every run; the default would list every child and value."""
        return f"Panel({self.scenario.name}, bug={self.bug})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(super()._repr_mimebundle_(**kwargs))
        bundle["text/plain"] = repr(self)
        if self.sides is not None:
            bundle["text/plain"] += "\n" + describe(self.scenario.switch, self.sides)
            png = picture(self.scenario.switch, self.sides).png
            bundle["image/png"] = base64.b64encode(png).decode("ascii")
        return bundle


def _knob(name: str, span: tuple[Any, ...], scenario: Scenario) -> Any:
    start = scenario.defaults[name]
    if len(span) == 2 and all(type(end) is int for end in span):
        return ipywidgets.IntSlider(start, *span, description=name)
    if len(span) == 2 and all(isinstance(end, int | float) for end in span):
        # A round step: the browser moves the handle to the nearest one, which would turn the knob at once.
        step = 10.0 ** math.floor(math.log10((span[1] - span[0]) / 20))
        return ipywidgets.FloatSlider(start, min=span[0], max=span[1], step=step, description=name)
    return ipywidgets.RadioButtons(options=list(span), value=start, description=name, layout={"width": "max-content"})


def _raised(scenario: Scenario, sides: tuple[Side, Side], breaks: Any) -> tuple[str, BaseException | None]:
    """What to show of exceptions in `run`, and the one that the scenario did not announce."""
    parts, unexpected = [], None
    for position, side, announced in zip(scenario.switch, sides, ((), breaks.values()), strict=True):
        if side.error is not None:
            parts.append(error_html(f"With the switch at “{position}”, the code raised", side.error))
            if Kind.RAISES not in announced:
                unexpected = unexpected or side.error
    return "".join(parts), unexpected


def _trainable(sides: tuple[Side, Side], tooltip: str) -> tuple[bool, str]:
    """(disabled, tooltip): there must be a scalar loss and something to move, at both positions."""
    if any(s.error is not None for s in sides):
        return True, "One position raises an exception, so there is nothing to train"
    if any(s.loss is None for s in sides):
        return True, "This scenario has no scalar loss, so there is nothing to train"
    return False, tooltip


def _strict() -> bool:
    return os.environ.get("GRADLAB_STRICT", "") not in ("", "0")


def _announce_loading() -> None:
    """Without a first cell that starts loading, say that the next seconds are TensorFlow's."""
    if not tf_loading.begun():
        from IPython.display import display

        from gradlab.panel.status import start

        display(start(chosen_keras()))
