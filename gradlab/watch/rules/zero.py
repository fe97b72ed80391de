"""Exactly zero at each step so far, or since step n.

A gradient may be exactly zero for some steps in a healthy training: before a last layer that starts from zeros has moved,
or in a part that a batch does not use. `FROM_START` and `SINCE` steps in a row are more than those. When *every* gradient
has become exactly zero together with the loss, the task is solved (hinge losses end so), and nothing is told. Nor is a
bias alone whose layer's kernel has a gradient: it cancels out of the loss by design, as the last bias of a critic does,
which is added to both sides of a difference.
"""

from __future__ import annotations

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Column
from gradlab.watch.variables_text import is_kernel, layer_of

FROM_START = 10  # measured steps of exact zeros before one that never moved is called zero
SINCE = 30  # measured steps of exact zeros before one that did move is called dead
AT_END = 5  # the least length of a run of zeros that a training may end in to be told


class Rule:
    """Says "zero" (never anything else) and "dead" (since step n) of a variable once."""

    name = "zero"

    def __init__(self) -> None:
        self.since: dict[int, tuple[int, int]] = {}  # variable -> (first step of the run, its length)
        self.moved: set[int] = set()
        self.said: set[int] = set()
        self.solved = False
        self.fine: set[str] = set()  # layers with a kernel that has a gradient in the last step

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        kinds = [column.kind(i) for i in range(len(names))]
        told = [kind for kind in kinds if kind not in ("none", "unseen")]
        self.solved = bool(told) and all(kind == "zero" for kind in told) and column.loss == 0
        for i, kind in enumerate(kinds):
            if kind == "zero":
                first, length = self.since.get(i, (column.step, 0))
                self.since[i] = first, length + 1
            elif kind in ("ok", "not finite"):
                self.since.pop(i, None)
                self.moved.add(i)
        if self.solved:
            return []
        self.fine = {layer_of(names[i]) for i, kind in enumerate(kinds) if kind == "ok" and is_kernel(names[i])}
        long = [i for i, (_, n) in self.since.items() if n >= (SINCE if i in self.moved else FROM_START)]
        return self._alarms([i for i in long if i not in self.said], column.step, names)

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        if self.solved:
            return []
        short = [i for i, (_, n) in self.since.items() if n >= AT_END and i not in self.said and i not in self.moved]
        return self._alarms(short, step, names)

    def _alarms(self, found: list[int], step: int, names: list[str]) -> list[Alarm]:
        out = []
        found = [i for i in found if is_kernel(names[i]) or layer_of(names[i]) not in self.fine]
        self.said |= set(found)
        runs: dict[tuple[str, int], list[int]] = {}
        for i in found:
            runs.setdefault(("dead" if i in self.moved else "zero", self.since[i][0]), []).append(i)
        for (rule, first), members in runs.items():
            paths = tuple(names[i] for i in members)
            shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
            words = (
                f"the gradient is exactly zero since then: {shown}"
                if rule == "dead"
                else f"zero at every step: {shown}"
            )
            length = self.since[members[0]][1]
            out.append(Alarm(rule, first, step, paths, words, f"exactly zero in {length} measured steps in a row"))
        return out
