"""One step, read: a `Column` has a number for each variable. NumPy only.

In place of a norm, which is never negative, stand `NONE` (the step had no gradient for it) and `UNSEEN` (the step did
not pass it to an optimizer). NaN and infinity are what the gradient itself held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

NONE, UNSEEN = -1.0, -2.0


@dataclass
class Column:
    """What one step said. Arrays are float32 of shape (variables,), in the order of `Record.names`."""

    step: int  # counted from 1
    loss: float  # NaN where the step showed none
    norm: np.ndarray  # of the gradient as the step computed it; with several replicas, of their sum
    applied: np.ndarray  # of the gradient as it was applied: clipped, summed
    update: np.ndarray  # how far the weight moved in this step, a norm
    weight: np.ndarray  # the weight's norm before the step
    overflow: bool = False  # a loss scale above 1 made gradients overflow, and the optimizer skipped the step
    sparse: frozenset[int] = frozenset()  # variables whose gradient is tf.IndexedSlices
    histograms: dict[int, np.ndarray] = field(
        default_factory=dict
    )  # variable -> see `histograms`; not kept in a record
    stands_for: int = 1  # steps that a thinned record shows by this column

    def kind(self, i: int) -> str:
        """One of "none", "unseen", "zero", "not finite" and "ok"."""
        return kind(float(self.norm[i])) if i < len(self.norm) else "unseen"

    @cached_property
    def kinds(self) -> dict[str, np.ndarray]:
        """For each kind a bool array: which variables are of it. The rules read this at every step, so it is one sweep."""
        norm = self.norm
        finite = np.isfinite(norm)
        return {
            "ok": finite & (norm > 0),
            "zero": norm == 0,
            "not finite": ~finite,
            "none": norm == NONE,
            "unseen": norm == UNSEEN,
        }

    @property
    def ratio(self) -> np.ndarray:
        """update / weight; NaN where either was not measured or the weight is zero."""
        known = (self.update >= 0) & (self.weight > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(known, self.update / self.weight, np.nan).astype(np.float32)


def kind(value: float) -> str:
    """The kind of one entry of a column."""
    if value == NONE:
        return "none"
    if value == UNSEEN:
        return "unseen"
    if not np.isfinite(value):
        return "not finite"
    return "zero" if value == 0 else "ok"


def column(read: dict[str, Any], variables: int) -> Column:
    """A `Column` from what `Recorder.read` says of one step: rows of (replica, site, loss scale, numbers)."""
    empty = np.full(variables, UNSEEN, np.float32)
    step = Column(read["step"], float("nan"), empty, empty.copy(), empty.copy(), empty.copy())
    rows = read["rows"]
    replicas = len({replica for replica, *_ in rows})
    losses: dict[int, float] = {}
    sparse: set[int] = set()
    shares, summed = np.zeros(variables), np.full(variables, UNSEEN, np.float32)
    for replica, site, scale, numbers in rows:
        members = site.index
        if site.kind == "computed":
            sparse.update(site.sparse)
            numbers, applied = numbers[: len(members)], numbers[len(members) :]
            if scale > 1 and not np.isfinite(numbers).all():
                step.overflow = True
            if replicas > 1:
                shares[members] += np.where(numbers > 0, numbers, 0)
            _last(step.norm, members, numbers)
            _last(step.applied, members, applied)
        elif site.kind == "applied" and replica == 0:
            summed[members] = numbers
        elif site.kind == "update" and replica == 0:
            step.update[members], step.weight[members] = numbers[: len(members)], numbers[len(members) :]
        elif site.kind == "histogram" and replica == 0:
            step.histograms.update(zip(site.members, np.split(numbers, len(members)), strict=True))
        elif site.kind == "loss":
            losses.setdefault(replica, float(numbers[0]))
    step.sparse = frozenset(sparse)
    if losses:
        step.loss = float(sum(losses.values()))
    if replicas > 1:  # each replica computed its share; the sum is the gradient, and its norm is at most the shares'
        whole = np.where(summed >= 0, summed, shares).astype(np.float32)
        step.norm = np.where(step.norm >= 0, whole, step.norm)
        step.applied = np.where(step.applied >= 0, whole, step.applied)
    return step


def _last(into: np.ndarray, members: np.ndarray, numbers: np.ndarray) -> None:
    """Later calls win, except that None hides no number and nothing hides what is not finite."""
    before = into[members]
    stays = ~np.isfinite(before) | ((numbers == NONE) & (before >= 0))
    into[members] = np.where(stays, before, numbers)
