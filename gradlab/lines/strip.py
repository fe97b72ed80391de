"""A strip in less room than it has visits: which cells are drawn.

A run of neighbours of the same kind gets at least one cell, NaN and inf are never swallowed, and each cell keeps the
smallest and the largest norm of its span. So one None among 1,000 visits is seen, and so is a step.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradlab.lines.parts import Visit

# The order in which kinds win a cell that holds several: what is worst, and seldom, first.
ORDER = ("nan", "inf", "none", "zero", "outside", "unused", "ok", "ran", "")


@dataclass
class Span:
    """Neighbouring visits drawn as one cell."""

    kind: str
    visits: list[Visit] = field(default_factory=list)

    @property
    def low(self) -> float | None:
        """The smallest norm of the visits of this kind."""
        return min(self._sizes, default=None)

    @property
    def high(self) -> float | None:
        """The largest norm of the visits of this kind."""
        return max(self._sizes, default=None)

    @property
    def _sizes(self) -> list[float]:
        return [v.norm for v in self.visits if v.kind == self.kind and v.norm is not None and v.norm == v.norm]

    def to_dict(self) -> dict[str, Any]:
        """A visit's data for the first of the span, with `to` (its last `n`), `low` and `high`."""
        data = self.visits[0].to_dict()
        shown = self.kind in ("ok", "zero")
        low, high = (self.low, self.high) if shown else (None, None)
        return {**data, "kind": self.kind, "norm": high, "to": self.visits[-1].n, "low": low, "high": high}


def spans(visits: Sequence[Visit], cells: int) -> list[Span]:
    """The visits in at most `cells` spans. ValueError if `cells` is below 1."""
    if cells < 1:
        raise ValueError(f"cells is {cells}; a strip has at least 1")
    if len(visits) <= cells:
        return [Span(v.kind, [v]) for v in visits]
    runs: list[Span] = []
    for v in visits:
        if runs and runs[-1].kind == v.kind:
            runs[-1].visits.append(v)
        else:
            runs.append(Span(v.kind, [v]))
    if len(runs) > cells:
        return _slices(visits, cells)
    # One cell for every run; the rest goes to the longest, by largest remainder of cells to visits.
    share = [1] * len(runs)
    for _ in range(cells - len(runs)):
        i = max(range(len(runs)), key=lambda i: len(runs[i].visits) / share[i])
        if len(runs[i].visits) <= share[i]:
            break
        share[i] += 1
    return [part for run, n in zip(runs, share, strict=True) for part in _cut(run, n)]


def _cut(run: Span, parts: int) -> list[Span]:
    edges = [round(i * len(run.visits) / parts) for i in range(parts + 1)]
    return [Span(run.kind, run.visits[a:b]) for a, b in itertools.pairwise(edges) if b > a]


def _slices(visits: Sequence[Visit], cells: int) -> list[Span]:
    """Equal slices where there are more runs than cells; the worst kind of each slice names it."""
    edges = [round(i * len(visits) / cells) for i in range(cells + 1)]
    found = []
    for a, b in itertools.pairwise(edges):
        part = list(visits[a:b])
        if part:
            found.append(Span(min((v.kind for v in part), key=ORDER.index), part))
    return found
