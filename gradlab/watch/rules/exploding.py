"""Exploding since step n, and in which layer it began.

The measure is a variable's own course: the median of its last `RECENT` norms against the median of up to `WINDOW` before
them. Healthy trainings change by a factor of ten or so when they leave a plateau, and then the loss falls. So `FACTOR` is
far above that, and the loss must not have fallen. A training that diverges at once has no usual norm: there, `STEEP`
steps in a row that each raise the norm tenfold, and the loss too, are enough.
"""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Column

RECENT = 3  # a single spike is no explosion
WINDOW = 60  # measured steps that say what is usual; memory does not grow
LEAST = 6  # of them before anything is called unusual
FACTOR = 100.0  # times the usual
STEEP = 3  # a factor of a thousand in three steps
TENFOLD = 10.0


class Rule:
    """Told once, of the variable that was first; of several in one step, of the one nearest to the loss."""

    name = "exploding"

    def __init__(self) -> None:
        self.norms: dict[int, deque[tuple[int, float]]] = {}
        self.losses: deque[float] = deque(maxlen=WINDOW + RECENT)
        self.said = False

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        if self.said or column.overflow:
            return []
        self.losses.append(column.loss)
        grown = []
        for i in range(len(names)):
            if column.kind(i) != "ok":
                continue
            seen = self.norms.setdefault(i, deque(maxlen=WINDOW + RECENT))
            seen.append((column.step, float(column.norm[i])))
            if len(seen) >= LEAST + RECENT:
                usual = float(np.median([v for _, v in list(seen)[:-RECENT]]))
                late = list(seen)[-RECENT:]
                if usual > 0 and min(v for _, v in late) > FACTOR * usual:
                    grown.append((i, usual, late[0][0], late[-1][1] / usual))
                    continue
            late = list(seen)[-STEEP - 1 :]
            rises = [b[1] > TENFOLD * a[1] > 0 for a, b in itertools.pairwise(late)]
            if len(rises) == STEEP and all(rises) and self._loss_rose():
                grown.append((i, late[0][1], late[1][0], late[-1][1] / late[0][1]))
        if not grown or self._loss_fell():
            return []
        self.said = True
        first = max(grown, key=lambda g: (-g[2], g[0]))
        paths = tuple(dict.fromkeys([names[first[0]], *(names[g[0]] for g in reversed(grown))]))
        words = f"gradients explode since then, first in {paths[0]}: {first[3]:.0e} times its usual norm"
        reason = f"{RECENT} norms in a row tenfold each, or above {FACTOR:.0f} times the median of those before, and the loss has not fallen"
        return [Alarm("exploding", first[2], column.step, paths, words, reason)]

    def _loss_rose(self) -> bool:
        late = list(self.losses)[-STEEP - 1 :]
        return all(b > a for a, b in itertools.pairwise(late))

    def _loss_fell(self) -> bool:
        losses = np.array(self.losses)
        before, late = losses[:-RECENT], losses[-RECENT:]
        return bool(np.isfinite(losses).all() and np.median(late) < np.median(before))

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []
