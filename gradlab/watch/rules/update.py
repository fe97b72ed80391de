"""How far one step moves a weight, relative to the weight: too little to matter, or so far that nothing remains.

Only arrays with two axes or more are judged: biases often start at zero, where a ratio says nothing.

- Too small: below `SMALL`. float32 keeps 24 bits, so a change below 6e-8 of a number is lost when it is added; ten times
  that is still less than one part in a million in each step. Judged in the first `STEPS` updates only, as a decaying
  learning rate ends small by design; not for tf.IndexedSlices, where a step moves a few rows of a large table.
- Too large: above `LARGE` in each of `LONG` updates in a row, so that after a few steps nothing is left of the weight; or
  above `HUGE` in one, which leaves nothing at once. A weight that starts near zero grows by such factors in health, so
  `HUGE` is asked only of one that has at least half the size it started with.
"""

from __future__ import annotations

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column
from gradlab.watch.variables_text import Kernels

SMALL = 1e-6  # per step, relative to the weight's norm
STEPS = 30  # updates
LARGE = 0.5  # per step
LONG = 8  # updates in a row
HUGE = 3.0  # in one step


class Rule:
    """Says "update" of too large once, and of too small once."""

    name = "update"

    def __init__(self) -> None:
        self.updates = 0
        self.kernels = Kernels()
        self.most = np.zeros(0)  # the largest ratio so far; 0 for one that was never judged
        self.start = np.zeros(0)  # the weight's norm at the first update; infinite for one that came later
        self.first = np.zeros(0, np.int64)  # the step at which the present run of large updates began
        self.length = np.zeros(0, np.int64)  # of that run
        self.large = False

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        ratios = column.ratio
        judged = self.kernels.of(names)[: len(ratios)] & np.isfinite(ratios) & (ratios > 0)
        if column.overflow or not judged.any():
            return []
        self.updates += 1
        self._grow(len(ratios))
        if self.updates == 1:
            self.start = np.where(judged, column.weight, np.inf)
        sized = np.where(judged, ratios, 0)
        even = judged.copy()
        even[list(column.sparse)] = False
        self.most = np.maximum(self.most, np.where(even, sized, 0))
        huge = (sized > HUGE) & (column.weight >= 0.5 * self.start)
        large = sized > LARGE
        self.first = np.where(huge | (large & (self.length == 0)), column.step, self.first)
        self.length = np.where(huge, LONG, np.where(large, self.length + 1, np.where(judged, 0, self.length)))
        out = []
        long = [int(i) for i in np.flatnonzero(self.length >= LONG)]
        if long and not self.large:
            self.large = True
            paths = tuple(names[i] for i in long)
            words = (
                f"one step moves {paths[0]} by {ratios[long[0]]:.0%} of its own size: the learning rate is too large"
            )
            reason = f"above {LARGE} of the weight's norm in {LONG} updates in a row, or above {HUGE} in one"
            out.append(Alarm("update", int(self.first[long[0]]), column.step, paths, words, reason))
        if self.updates == STEPS:
            little = np.flatnonzero((self.most > 0) & (self.most < SMALL))
            slow = tuple(names[i] for i in little)
            if slow:
                least = self.most[little].max()
                words = f"a step moves {slow[0]} by at most {least:.0e} of its size: too little to learn from"
                reason = f"below {SMALL:.0e} of the weight's norm in each of the first {STEPS} updates"
                out.append(Alarm("update", 1, column.step, slow, words, reason))
        return out

    def _grow(self, variables: int) -> None:
        more = variables - len(self.most)
        if more > 0:
            self.most, self.start = np.append(self.most, np.zeros(more)), np.append(self.start, np.full(more, np.inf))
            self.first, self.length = (np.append(a, np.zeros(more, np.int64)) for a in (self.first, self.length))

    def quiet(self, block: Block, names: list[str]) -> bool:
        ratios = block.ratio
        judged = self.kernels.of(names)[: ratios.shape[1]] & np.isfinite(ratios) & (ratios > 0)
        updates = self.updates + len(block.steps)
        if not self.updates or self.updates < STEPS <= updates or block.overflow.any() or not judged.any(1).all():
            return False
        sized = np.where(judged, ratios, 0)
        most = sized.max(0)
        if (most > LARGE).any():
            return False
        self._grow(len(most))
        self.updates = updates
        most[list(block.sparse)] = 0
        self.most = np.maximum(self.most, most)
        self.length[judged.any(0)] = 0
        return True

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []
