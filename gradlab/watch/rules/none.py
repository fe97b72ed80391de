"""Never a gradient: None at a variable's first step, or never passed to an optimizer.

None is told at once, since it is a property of the traced step and not of numbers. "Not passed" waits `PATIENCE` measured
steps: a GAN may update one part only at every fifth step or so; fifty are ten such rounds.
"""

from __future__ import annotations

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import NONE, UNSEEN, Block, Column

PATIENCE = 50  # measured steps without being passed on
AT_END = 5  # of a training shorter than that


class Rule:
    """Says "none" of a variable once; "unseen" of one that no optimizer got."""

    name = "none"

    def __init__(self) -> None:
        self.said: set[int] = set()
        self.got: set[int] = set()
        self.steps = 0

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        self.steps += 1
        none: list[int] = []
        if self.open(len(column.norm)):
            kinds = column.kinds
            self.got |= {int(i) for i in np.flatnonzero(~kinds["unseen"] & ~kinds["none"])}
            none = [int(i) for i in np.flatnonzero(kinds["none"]) if i not in self.said | self.got]
            self.said |= set(none)
        out = []
        if none:
            found = tuple(names[i] for i in none)
            words = f"no gradient (None) for {_list(found)}"
            out.append(
                Alarm("none", column.step, column.step, found, words, "None is a property of the step, told at once")
            )
        return out + (self._unseen(column.step, names, listed) if self.steps == PATIENCE else [])

    def open(self, variables: int) -> bool:
        """Whether there is still a variable to learn about; in most trainings there is none after the first step."""
        return len(self.said | self.got) < variables

    def quiet(self, block: Block, names: list[str]) -> bool:
        steps = len(block.steps)
        if self.steps < PATIENCE <= self.steps + steps:
            return False
        if self.open(block.norm.shape[1]):
            none = (block.norm == NONE).any(0)
            none[list(self.said | self.got)] = False
            if none.any():
                return False
            passed = (block.norm != NONE) & (block.norm != UNSEEN)
            self.got |= {int(i) for i in np.flatnonzero(passed.any(0))}
        self.steps += steps
        return True

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return self._unseen(step, names, listed) if AT_END <= self.steps < PATIENCE else []

    def _unseen(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        missing = tuple(names[i] for i in sorted(listed - self.got - self.said))
        if not missing:
            return []
        words = f"{_list(missing)} never reached an optimizer: the training step leaves it out"
        reason = f"not passed in {self.steps} measured steps"
        return [Alarm("unseen", 1, step, missing, words, reason)]


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
