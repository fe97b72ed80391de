"""Steps, read: a `Column` has a number for each variable, a `Block` has several steps. NumPy only.

In place of a norm, which is never negative, stand `NONE` (the step had no gradient for it) and `UNSEEN` (the step did
not pass it to an optimizer). NaN and infinity are what the gradient itself held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

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
        return ratio(self.update, self.weight)


def kind(value: float) -> str:
    """The kind of one entry of a column."""
    if value == NONE:
        return "none"
    if value == UNSEEN:
        return "unseen"
    if not np.isfinite(value):
        return "not finite"
    return "zero" if value == 0 else "ok"


@dataclass
class Block:
    """Several measured steps at once, oldest first: what `Recorder.read` returns. Arrays have a row for each step."""

    steps: np.ndarray  # int64, of shape (steps,)
    losses: np.ndarray  # float64, the same shape; NaN where a step showed none
    norm: np.ndarray  # float32, of shape (steps, variables), as in `Column`; so are the next three
    applied: np.ndarray
    update: np.ndarray
    weight: np.ndarray
    overflow: np.ndarray  # bool, of shape (steps,)
    sparse: frozenset[int] = frozenset()  # variables whose gradient is tf.IndexedSlices in one of these steps
    histograms: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)  # row -> variable -> see `histograms`

    @classmethod
    def empty(cls, steps: np.ndarray, variables: int) -> Block:
        """Nothing seen of these steps."""
        norm, applied, update, weight = np.full((4, len(steps), variables), UNSEEN, np.float32)
        losses, overflow = np.full(len(steps), np.nan), np.zeros(len(steps), bool)
        return cls(steps, losses, norm, applied, update, weight, overflow)

    @classmethod
    def of(cls, column: Column) -> Block:
        """A block of one step."""
        norm, applied, update, weight = (a[None] for a in (column.norm, column.applied, column.update, column.weight))
        step, loss, overflow = np.array([column.step]), np.array([column.loss]), np.array([column.overflow])
        alone = cls(step, loss, norm, applied, update, weight, overflow, column.sparse)
        alone.columns = [column]
        return alone

    @cached_property
    def columns(self) -> list[Column]:
        """The same, step by step. Copies, so that one that is kept does not keep the block."""
        return [
            Column(
                int(step),
                float(self.losses[n]),
                self.norm[n].copy(),
                self.applied[n].copy(),
                self.update[n].copy(),
                self.weight[n].copy(),
                bool(self.overflow[n]),
                self.sparse,
                self.histograms.get(n, {}),
            )
            for n, step in enumerate(self.steps)
        ]

    @cached_property
    def ok(self) -> np.ndarray:
        """Which norms are finite and above zero."""
        return np.isfinite(self.norm) & (self.norm > 0)

    @cached_property
    def ratio(self) -> np.ndarray:
        """update / weight; NaN where either was not measured or the weight is zero."""
        return ratio(self.update, self.weight)


def ratio(update: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """update / weight; NaN where either was not measured or the weight is zero."""
    known = (update >= 0) & (weight > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, update / weight, np.nan).astype(np.float32)


@dataclass
class Part:
    """What one place in the step writes: `width` numbers, from column `start` of a ring's row on."""

    kind: str  # "computed", "applied", "update", "histogram" or "loss"
    members: tuple[int, ...]  # indices into Recorder.names
    sparse: tuple[int, ...] = ()  # members whose gradient is tf.IndexedSlices
    width: int = 1
    start: int = 0

    def __post_init__(self) -> None:
        self.index = np.array(self.members, np.intp)


@dataclass
class Rows:
    """What one part of one replica wrote: `at`, the rows of the block (ints), and `numbers`, (len(at), part.width)."""

    replica: int
    part: Part
    at: np.ndarray
    numbers: np.ndarray


def block(steps: np.ndarray, read: list[Rows], variables: int) -> Block:
    """A `Block` from what the rings hold of these steps."""
    out = Block.empty(steps, variables)
    replicas = len({rows.replica for rows in read})
    lost = [np.zeros(len(steps)) for _ in range(replicas)]
    shares, summed = np.zeros(out.norm.shape), np.full(out.norm.shape, UNSEEN, np.float32)
    seen = sorted({rows.replica for rows in read})
    told = np.zeros((replicas, len(steps)), bool)
    for rows in read:
        at, members, numbers, count = rows.at, rows.part.index, rows.numbers, len(rows.part.index)
        where = np.ix_(at, members)
        if rows.part.kind == "computed":
            out.sparse |= set(rows.part.sparse)
            scale, numbers, applied = numbers[:, 0], numbers[:, 1 : 1 + count], numbers[:, 1 + count :]
            out.overflow[at] |= (scale > 1) & ~np.isfinite(numbers).all(1)
            if replicas > 1:
                shares[where] += np.where(numbers > 0, numbers, 0)
            _last(out.norm, where, numbers)
            _last(out.applied, where, applied)
        elif rows.part.kind == "loss":
            replica = seen.index(rows.replica)
            fresh = ~told[replica, at]
            lost[replica][at[fresh]] = numbers[fresh, 0]
            told[replica, at] = True
        elif rows.replica:
            continue  # what follows is the same in each replica
        elif rows.part.kind == "applied":
            summed[where] = numbers
        elif rows.part.kind == "update":
            out.update[where], out.weight[where] = numbers[:, :count], numbers[:, count:]
        else:
            for n, row in zip(at, numbers, strict=True):
                out.histograms.setdefault(int(n), {}).update(zip(rows.part.members, np.split(row, count), strict=True))
    if replicas:
        out.losses = np.where(told.any(0), np.sum(lost, 0), np.nan)
    if replicas > 1:  # each replica computed its share; the sum is the gradient, and its norm is at most the shares'
        whole = np.where(summed >= 0, summed, shares).astype(np.float32)
        out.norm = np.where(out.norm >= 0, whole, out.norm)
        out.applied = np.where(out.applied >= 0, whole, out.applied)
    return out


def _last(into: np.ndarray, where: tuple[np.ndarray, ...], numbers: np.ndarray) -> None:
    """Later calls win, except that None hides no number and nothing hides what is not finite."""
    before = into[where]
    stays = ~np.isfinite(before) | ((numbers == NONE) & (before >= 0))
    into[where] = np.where(stays, before, numbers)
