"""`InfluencePanel`: the T x T maps of three cells side by side, and the knobs that make them vanish or explode."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np

from gradlab.lab.heatmap import describe, picture
from gradlab.lab.reading import Reading, Side, classify
from gradlab.panel.heat import Heat
from gradlab.runtime import tf_loading

KINDS = ("SimpleRNN", "GRU", "LSTM")
UNITS, INPUTS = 32, 3
POSITIONS = ("Keras' own weights", "the knobs' values")


class InfluencePanel(ipywidgets.VBox):
    """Row t, column s of each map is |d h_t / d x_s|. `bug` shows the second position first, as a panel's switch does.

    The first position has the weights that Keras makes, the second those of the knobs: `radius` (spectral radius of all
    recurrent matrices, in all three layers) and `forget_bias` (the LSTM's alone). `steps` is for both. The inputs are
    standard normal numbers. The maps follow a knob while it is dragged.
    """

    def __init__(self, bug: bool = False, steps: int = 50, radius: float = 0.5, forget_bias: float = 1.0) -> None:
        tf_loading.wait()
        from gradlab.lab.tunable_rnn import Tunable

        self._layers = {kind: Tunable(kind, UNITS, INPUTS) for kind in KINDS}
        self._lock = threading.Lock()
        self._switch = ipywidgets.RadioButtons(
            options=list(POSITIONS), index=int(bug), description="Weights:", layout={"width": "max-content"}
        )
        self._knobs = {
            "steps": ipywidgets.IntSlider(steps, 2, 100, description="steps"),
            "radius": ipywidgets.FloatSlider(radius, min=0.1, max=2.0, step=0.05, description="radius"),
            "forget_bias": ipywidgets.FloatSlider(forget_bias, min=-4.0, max=6.0, step=0.5, description="forget_bias"),
        }
        self._heat = Heat(position=int(bug))
        self._link = ipywidgets.jslink((self._switch, "index"), (self._heat, "position"))
        self.sides: tuple[Side, Side] | None = None
        for knob in self._knobs.values():
            knob.observe(self._on_knob, "value")
        heading = ipywidgets.HTML("<b>How much does input s (column) move state t (row)?</b>")
        super().__init__([heading, self._switch, *self._knobs.values(), self._heat])
        self.add_class("gradlab-panel")
        self._measure()

    def turn(self, **knobs: Any) -> None:
        """Set knobs from Python. Raises LookupError for a knob that is not there."""
        for name, value in knobs.items():
            if name not in self._knobs:
                raise LookupError(f"There is no knob `{name}`. There are: {', '.join(self._knobs)}.")
            self._knobs[name].value = value

    def _on_knob(self, _: Any) -> None:
        self._measure()

    def _measure(self) -> None:
        with self._lock:
            steps, radius, forget_bias = (knob.value for knob in self._knobs.values())
            if self.sides is None or self.sides[0].readings[0].shape != (steps, steps):
                first = self._side(steps, lambda tunable: tunable.own())
            else:
                first = self.sides[0]  # the knobs of its weights are not there
            self.sides = first, self._side(steps, lambda tunable: tunable.tune(radius, forget_bias))
            self._heat.show(POSITIONS, self.sides)

    def _side(self, steps: int, weights: Callable[[Any], Any]) -> Side:
        from gradlab.jacobians import jacobian
        from gradlab.lab.tunable_rnn import inputs_of_size_one

        x = inputs_of_size_one(steps, INPUTS)
        readings = []
        for kind, tunable in self._layers.items():
            logs = jacobian(weights(tunable), x).norms(progress=False)[0]
            values = np.power(10.0, logs)
            readings.append(Reading(f"{kind}: |d h_t / d x_s|", classify(values), values, values.shape))
        return Side(tuple(readings))

    def __repr__(self) -> str:
        return f"InfluencePanel({self._switch.options[self._switch.index]})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(super()._repr_mimebundle_(**kwargs))
        if self.sides is not None:
            shown = picture(POSITIONS, self.sides)._repr_mimebundle_()
            words = describe(POSITIONS, self.sides)
            bundle |= {"image/png": shown["image/png"], "text/plain": f"{self!r}\n{words}"}
        return bundle
