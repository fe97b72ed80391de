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
from gradlab.watch.columns import Column
from gradlab.watch.variables_text import is_kernel

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
        self.most: dict[int, float] = {}
        self.run: dict[int, tuple[int, int]] = {}
        self.large = False
        self.start: dict[int, float] = {}

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        ratios = column.ratio
        judged = [i for i in range(len(ratios)) if is_kernel(names[i]) and np.isfinite(ratios[i]) and ratios[i] > 0]
        if column.overflow or not judged:
            return []
        self.updates += 1
        out = []
        for i in judged:
            if i not in column.sparse:
                self.most[i] = max(self.most.get(i, 0.0), float(ratios[i]))
            first, length = self.run.get(i, (column.step, 0))
            here = float(column.weight[i])
            if ratios[i] > HUGE and here >= 0.5 * self.start.setdefault(i, here if self.updates == 1 else np.inf):
                self.run[i] = column.step, LONG
            elif ratios[i] > LARGE:
                self.run[i] = first, length + 1
            else:
                self.run.pop(i, None)
        long = [i for i, (_, n) in self.run.items() if n >= LONG]
        if long and not self.large:
            self.large = True
            paths = tuple(names[i] for i in long)
            words = (
                f"one step moves {paths[0]} by {ratios[long[0]]:.0%} of its own size: the learning rate is too large"
            )
            reason = f"above {LARGE} of the weight's norm in {LONG} updates in a row, or above {HUGE} in one"
            out.append(Alarm("update", self.run[long[0]][0], column.step, paths, words, reason))
        if self.updates == STEPS:
            slow = tuple(names[i] for i, most in self.most.items() if most < SMALL)
            if slow:
                least = max(most for most in self.most.values() if most < SMALL)
                words = f"a step moves {slow[0]} by at most {least:.0e} of its size: too little to learn from"
                reason = f"below {SMALL:.0e} of the weight's norm in each of the first {STEPS} updates"
                out.append(Alarm("update", 1, column.step, slow, words, reason))
        return out

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []
