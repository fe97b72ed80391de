"""Exploding since step n, and in which layer it began.

The measure is a variable's own course: the median of its last `RECENT` norms against the median of up to `WINDOW` before
them. Healthy trainings change by a factor of ten or so when they leave a plateau, and then the loss falls. So `FACTOR` is
far above that, and the loss must not have fallen. A training that diverges at once has no usual norm: there, `STEEP`
steps in a row that each raise the norm tenfold, and the loss too, are enough. Either way the norm must be above all that
the variable had before: near a loss of zero Adam makes short steps that are far too large for gradients of 1e-7, and
those rise a thousandfold and fall again by themselves, far below where the training began.
"""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column

RECENT = 3  # a single spike is no explosion
WINDOW = 60  # measured steps that say what is usual; memory does not grow
LEAST = 6  # of them before anything is called unusual
FACTOR = 100.0  # times the usual
STEEP = 3  # a factor of a thousand in three steps
TENFOLD = 10.0
HELD = WINDOW + RECENT


class Rule:
    """Told once, of the variable that was first; of several in one step, of the one nearest to the loss."""

    name = "exploding"

    def __init__(self) -> None:
        # A ring of its last HELD norms for each variable, the steps they are of, and how many it has had.
        self.norms = np.full((0, HELD), np.inf, np.float32)
        self.steps = np.zeros((0, HELD), np.int64)
        self.had = np.zeros(0, np.int64)
        self.gone = np.zeros(0, np.float32)  # the largest norm that has left the ring
        self.losses: deque[float] = deque(maxlen=HELD)
        self.said = False

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        if self.said or column.overflow:
            return []
        self.losses.append(column.loss)
        grown = []
        for i in self._high(column):
            seen = self._course(i)
            if len(seen) >= LEAST + RECENT:
                usual = float(np.median([v for _, v in seen[:-RECENT]]))
                late = seen[-RECENT:]
                most = max(float(self.gone[i]), *(v for _, v in seen[:-RECENT]))
                if usual > 0 and min(v for _, v in late) > max(FACTOR * usual, most):
                    grown.append((i, usual, late[0][0], late[-1][1] / usual))
                    continue
            late = seen[-STEEP - 1 :]
            rises = [b[1] > TENFOLD * a[1] > 0 for a, b in itertools.pairwise(late)]
            most = max([float(self.gone[i]), *(v for _, v in seen[:-1])])
            if len(rises) == STEEP and all(rises) and late[-1][1] > most and self._loss_rose():
                grown.append((i, late[0][1], late[1][0], late[-1][1] / late[0][1]))
        if not grown or self._loss_fell():
            return []
        self.said = True
        first = max(grown, key=lambda g: (-g[2], g[0]))
        paths = tuple(dict.fromkeys([names[first[0]], *(names[g[0]] for g in reversed(grown))]))
        words = f"gradients explode since then, first in {paths[0]}: {first[3]:.0e} times its usual norm"
        reason = f"{RECENT} norms in a row tenfold each, or above {FACTOR:.0f} times the median of those before and above all of them, and the loss has not fallen"
        return [Alarm("exploding", first[2], column.step, paths, words, reason)]

    def _high(self, column: Column) -> list[int]:
        """Take in the norms, and name the variables whose norm is above FACTOR times the least it still holds and above the largest.

        Both ways to explode imply that, so only these need a median, and in a healthy step there are none.
        """
        ok = column.kinds["ok"]
        self._grow(len(ok))
        at = np.flatnonzero(ok)
        places = self.had[at] % HELD
        leaving = np.where(self.had[at] >= HELD, self.norms[at, places], 0)
        self.gone[at] = np.maximum(self.gone[at], leaving)
        self.norms[at, places] = column.norm[at]
        self.steps[at, places] = column.step
        self.had[at] += 1
        with np.errstate(over="ignore"):
            if not len(at):
                return []
            high = (column.norm[at] > FACTOR * self.norms[at].min(1)) & (column.norm[at] > self._largest(at, RECENT))
        return [int(i) for i in at[high]]

    def _largest(self, at: np.ndarray, late: int) -> np.ndarray:
        """The largest norm that each of these variables ever had, without its `late` last ones."""
        held = np.where(np.isfinite(self.norms[at]), self.norms[at], 0)  # a place that was never written holds infinity
        held[np.arange(len(at))[:, None], (self.had[at, None] - 1 - np.arange(late)) % HELD] = 0
        largest: np.ndarray = np.maximum(self.gone[at], held.max(1))
        return largest

    def _grow(self, variables: int) -> None:
        more = variables - len(self.had)
        if more > 0:
            self.norms = np.vstack([self.norms, np.full((more, HELD), np.inf, np.float32)])
            self.steps = np.vstack([self.steps, np.zeros((more, HELD), np.int64)])
            self.had = np.append(self.had, np.zeros(more, np.int64))
            self.gone = np.append(self.gone, np.zeros(more, np.float32))

    def _course(self, i: int) -> list[tuple[int, float]]:
        """(step, norm), oldest first."""
        last = int(self.had[i])
        return [
            (int(self.steps[i, n % HELD]), float(self.norms[i, n % HELD])) for n in range(max(0, last - HELD), last)
        ]

    def _loss_rose(self) -> bool:
        late = list(self.losses)[-STEEP - 1 :]
        return all(b > a for a, b in itertools.pairwise(late))

    def _loss_fell(self) -> bool:
        losses = np.array(self.losses)
        before, late = losses[:-RECENT], losses[-RECENT:]
        return bool(np.isfinite(losses).all() and np.median(late) < np.median(before))

    def quiet(self, block: Block, names: list[str]) -> bool:
        if self.said:
            return True
        ok, steps = block.ok, len(block.steps)
        if block.overflow.any() or steps > RECENT + WINDOW or (ok != ok[0]).any():
            return False
        self._grow(ok.shape[1])
        at = np.flatnonzero(ok[0])
        norms = block.norm[:, at]
        with np.errstate(over="ignore"):
            least, most = np.minimum(self.norms[at].min(1), norms.min(0)), norms.max(0)
            # Of a step in this block at most RECENT - 1 of those before it are not held against it.
            if ((most > FACTOR * least) & (most > self._largest(at, RECENT - 1))).any():
                return False
        places = (self.had[at] + np.arange(steps)[:, None]) % HELD  # (steps, variables)
        self.gone[at] = np.maximum(self.gone[at], _left(self.norms[at, places]))
        self.norms[at, places] = norms
        self.steps[at, places] = block.steps[:, None]
        self.had[at] += steps
        self.losses.extend(float(loss) for loss in block.losses)
        return True

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []


def _left(held: np.ndarray) -> np.ndarray:
    """The largest norm that a block pushes out of the rings; a place that was never written holds infinity."""
    found: np.ndarray = np.where(np.isfinite(held), held, 0).max(0)
    return found
