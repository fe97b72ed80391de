"""Exactly zero at each step so far, or since step n.

A gradient may be exactly zero for some steps in a healthy training: before a last layer that starts from zeros has moved,
or in a part that a batch does not use. `FROM_START` and `SINCE` steps in a row are more than those. When *every* gradient
has become exactly zero together with the loss, the task is solved (hinge losses end so), and nothing is told. Nor is a
bias alone whose layer's kernel has a gradient: it cancels out of the loss by design, as the last bias of a critic does,
which is added to both sides of a difference.
"""

from __future__ import annotations

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column
from gradlab.watch.variables_text import is_kernel, layer_of

FROM_START = 10  # measured steps of exact zeros before one that never moved is called zero
SINCE = 30  # measured steps of exact zeros before one that did move is called dead
AT_END = 5  # the least length of a run of zeros that a training may end in to be told


class Rule:
    """Says "zero" (never anything else) and "dead" (since step n) of a variable once."""

    name = "zero"

    def __init__(self) -> None:
        self.first = np.zeros(0, np.int64)  # the step at which the present run of zeros began
        self.length = np.zeros(0, np.int64)  # of that run, in measured steps
        self.moved = np.zeros(0, bool)
        self.said = np.zeros(0, bool)
        self.solved = False
        self.ok = np.zeros(0, bool)  # which had a gradient in the last step

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        kinds = column.kinds
        self._grow(len(column.norm))
        zero, moves = kinds["zero"], kinds["ok"] | kinds["not finite"]
        self.solved = bool(column.loss == 0 and zero.any() and not moves.any())
        self.first = np.where(zero & (self.length == 0), column.step, self.first)
        self.length = np.where(zero, self.length + 1, np.where(moves, 0, self.length))
        self.moved = self.moved | moves
        if self.solved:
            return []
        self.ok = kinds["ok"]
        return self._alarms(self.length >= np.where(self.moved, SINCE, FROM_START), column.step, names)

    def quiet(self, block: Block, names: list[str]) -> bool:
        self._grow(block.norm.shape[1])
        if (block.norm == 0).any() or ((self.length >= FROM_START) & ~self.said).any():
            return False
        moved = (block.ok | ~np.isfinite(block.norm)).any(0)
        self.length[moved] = 0
        self.moved = self.moved | moved
        self.solved, self.ok = False, block.ok[-1]
        return True

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return [] if self.solved else self._alarms((self.length >= AT_END) & ~self.moved, step, names)

    def _grow(self, variables: int) -> None:
        more = variables - len(self.length)
        if more > 0:
            self.first, self.length = (np.append(a, np.zeros(more, np.int64)) for a in (self.first, self.length))
            self.moved, self.said = (np.append(a, np.zeros(more, bool)) for a in (self.moved, self.said))

    def _alarms(self, long: np.ndarray, step: int, names: list[str]) -> list[Alarm]:
        found = [int(i) for i in np.flatnonzero(long & ~self.said)]
        if not found:
            return []
        fine = {layer_of(names[i]) for i in np.flatnonzero(self.ok) if is_kernel(names[i])}
        found = [i for i in found if is_kernel(names[i]) or layer_of(names[i]) not in fine]
        self.said[found] = True
        runs: dict[tuple[str, int], list[int]] = {}
        for i in found:
            runs.setdefault(("dead" if self.moved[i] else "zero", int(self.first[i])), []).append(i)
        out = []
        for (rule, first), members in runs.items():
            paths = tuple(names[i] for i in members)
            shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
            words = (
                f"the gradient is exactly zero since then: {shown}"
                if rule == "dead"
                else f"zero at every step: {shown}"
            )
            length = int(self.length[members[0]])
            out.append(Alarm(rule, first, step, paths, words, f"exactly zero in {length} measured steps in a row"))
        return out
