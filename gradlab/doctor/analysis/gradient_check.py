"""Is what the tape gives all there is? The user's function runs again with a source moved, and the loss answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab.doctor.analysis.exits import changed_inputs
from gradlab.doctor.analysis.finite_differences import SCALES, Probe, Slope
from gradlab.doctor.recording.recorded_run import Run, run_recorded
from gradlab.doctor.recording.sources import Source, unwrap
from gradlab.doctor.recording.trace import Trace

# A change of the loss that counts as one: well above float32 rounding (6e-8 of the loss), well below any real effect.
CHANGE = 1e-6
# Seeds of the random directions: fixed, so that a report says the same at each run. Two, because one direction may by
# chance be one in which the missing part does not show.
SEEDS = (7, 8)
RERUN_SEED = 11
# (step, seed) of further directions for a contradiction that nothing explains: other steps, as rounding and curvature
# act differently on them.
FURTHER = ((4e-3, 9), (2e-2, 10), (4e-3, 11))
NEEDED = 2  # of FURTHER that must contradict as well


@dataclass(frozen=True)
class Rerun:
    """A recorded run with the source moved by `step`, which changed the loss by `change`."""

    trace: Trace
    step: float
    change: float


class GradientCheck:
    """Compares gradients with central differences, and watches what moves when a source is moved."""

    def __init__(self, fn: Callable[[], Any], run: Run, probe: Probe, reset: Callable[[], None]) -> None:
        self.fn, self.run, self.probe, self.reset = fn, run, probe, reset

    def can_move(self, source: Source) -> bool:
        """Can the source be given another value?"""
        return self.probe.can_move(source)

    def steady(self) -> bool:
        """Does the loss repeat itself when nothing is moved?"""
        return self.probe.steady()

    def moves_loss(self, source: Source) -> tuple[float, float] | None:
        """The first step that changes the loss, and by how much; None if none does. Raises Spent at the limit."""
        try:
            return self.probe.moves_loss(source)
        finally:
            self.reset()

    def contradiction(self, source: Source, gradient: Any) -> Slope | None:
        """The finite difference that contradicts a gradient, None if none does."""
        slopes = (self.probe.slope([source], [gradient], seed=seed) for seed in SEEDS)
        return next((s for s in slopes if s.contradicts), None)

    def insists(self, source: Source, gradient: Any) -> bool:
        """Is the contradiction there along other directions and steps as well?"""
        return sum(self.probe.slope([source], [gradient], *how).contradicts for how in FURTHER) >= NEEDED

    def is_flat(self, source: Source, gradient: Any, part: float) -> bool:
        """Does the loss move by at most this part of what the gradient says, over all further directions and steps?"""
        slopes = [self.probe.slope([source], [gradient], *how) for how in FURTHER]
        return sum(abs(s.measured) for s in slopes) <= part * sum(abs(s.tape) for s in slopes)

    def rerun(self, source: Source) -> Rerun | None:
        """A recorded run with the source moved by the first step that changes the loss or a number on the way."""
        if not self.can_move(source):
            return None
        direction = np.random.default_rng(RERUN_SEED).choice([-1.0, 1.0], size=tuple(source.value.shape))
        best: Rerun | None = None
        base, handles = self.probe.base, {self.run.seed(source)} | set(self.run.reads)
        bare = any(self.run.from_host(k) for k in self.run.target_keys)
        for step in SCALES:
            for sign in (1, -1):
                if self.probe.spent():
                    return best
                self.probe.runs += 1
                with self.probe.moved(source, sign * step * direction):
                    try:
                        trace, result = run_recorded(self.fn, [], only=set())
                    finally:
                        self.reset()
                change = float(np.real(np.asarray(unwrap(result)).reshape(-1)[0])) - base
                best = best or Rerun(trace, step, 0.0)
                if np.isnan(change) or abs(change) <= CHANGE * max(abs(base), CHANGE):
                    continue
                entries, diverged = changed_inputs(self.run.trace, trace, handles)
                if entries or diverged or bare:
                    return Rerun(trace, step, change) if self.steady() else None
        return best
