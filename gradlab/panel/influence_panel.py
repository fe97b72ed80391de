"""`InfluencePanel`: the T x T maps of three cells side by side, and the knobs that make them vanish or explode."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from gradlab.lab.heatmap import describe, picture
from gradlab.lab.reading import Reading, Side, classify, kinds_as_data
from gradlab.lab.scale import Scale
from gradlab.panel.view import View, range_knob
from gradlab.panel.words import groups
from gradlab.runtime import tf_loading

KINDS = ("SimpleRNN", "GRU", "LSTM")
UNITS, INPUTS = 32, 3
POSITIONS = ("Keras' own weights", "the knobs' values")
# At radius 0.1 a state forgets a factor of ten a step, at radius 2 it doubles: over 100 steps more than float32 holds.
# Between these ends stands what the text speaks of; what is smaller or larger is drawn as the end and said in words.
SCALE = Scale(-12.0, 6.0)


def dials(steps: int = 50, radius: float = 0.5, forget_bias: float = 1.0) -> list[dict[str, Any]]:
    """The knobs of the panel, where they stand at first."""
    return [
        range_knob("steps", 2, 100, steps),
        range_knob("radius", 0.1, 2.0, radius, 0.05),
        range_knob("forget_bias", -4.0, 6.0, forget_bias, 0.5),
    ]


class InfluencePanel(View):
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
        self.sides: tuple[Side, Side] | None = None
        page = {
            "name": "influence",
            "title": "How much does input s (column) move state t (row)?",
            "claim": "",
            "about": "Keras' own radius is 1 in the SimpleRNN and about 0.5 to 0.7 in each gate of GRU and LSTM; its forget bias "
            "is 1. At the other position the knobs set both.",
            "positions": list(POSITIONS),
            "start": int(bug),
            "predict": False,
            "layout": "maps",
            "kinds": kinds_as_data(),
            "knobs": dials(steps, radius, forget_bias),
            "code": [],
            "setup": "",
            "links": [],
            "why": "",
            "train": "",
            "steps": 0,
        }
        super().__init__(page, {"steps": steps, "radius": radius, "forget_bias": forget_bias}, int(bug))
        self._measure()
        self.observe(self._on_knobs, "knobs")
        self.complete()

    def turn(self, **knobs: Any) -> None:
        """Set knobs from Python. Raises LookupError for a knob that is not there."""
        for name in knobs:
            if name not in self.knobs:
                raise LookupError(f"There is no knob `{name}`. There are: {', '.join(self.knobs)}.")
        self.knobs = self.clean({**self.knobs, **knobs})

    def _on_knobs(self, _: Any) -> None:
        wanted = self.clean(self.knobs)
        if wanted != self.knobs:
            self.knobs = wanted  # comes back here, measured once
            return
        asked = self.asked
        self.working = True
        try:
            self._measure()
        finally:
            self.working, self.answered = False, max(asked, self.answered)

    def _measure(self) -> None:
        with self._lock:
            steps, radius, forget_bias = (self.knobs[name] for name in ("steps", "radius", "forget_bias"))
            if self.sides is None or self.sides[0].readings[0].shape != (steps, steps):
                first = self._side(steps, lambda tunable: tunable.own())
            else:
                first = self.sides[0]  # the knobs of its weights are not there
            self.sides = first, self._side(steps, lambda tunable: tunable.tune(radius, forget_bias))
            axes = {reading.name: ("t", "s") for reading in first.readings}
            sides: list[dict[str, Any]] = [{"groups": groups(side), "error": None, "margin": {}} for side in self.sides]
            more = {
                "sides": sides,
                "verdict": "",
                "evidence": [],
                "cut": "",
                "zero": "",
                "untrainable": "",
                "failed": None,
            }
            self.show(self.sides, SCALE, axes, **more)

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
        return f"InfluencePanel({POSITIONS[self.position]})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if self.sides is None:
            return self._bundle(None, repr(self))
        words = describe(POSITIONS, self.sides)
        return self._bundle(picture(POSITIONS, self.sides, SCALE).png, f"{self!r}\n{words}")
