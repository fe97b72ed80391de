"""The gradient is there, finite, and too large or too small to train with: where it grows or shrinks, step by step."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of

EXPLODING = Cause(
    "exploding",
    what="the gradient grows at every step on its way back",
    fix="clip the gradient (clipnorm), start the recurrent matrix smaller or orthogonal, or use a gated cell (LSTM, GRU)",
)
VANISHING = Cause(
    "vanishing",
    what="the gradient shrinks at every step on its way back",
    fix="shorten the way: a gated cell (LSTM, GRU), a skip connection, a normalisation, or ReLU in place of sigmoid and tanh",
)
# Norms from which a weight of order 1 can't be trained, whatever the usual learning rate. float32 has 7 digits: with a rate
# of 1e-3, a step of 1e8 * 1e-3 wipes out every digit of the weight. Adam divides by the size of the gradient plus 1e-7, so
# what is 1e4 times smaller than that leaves no trace even there.
LARGE, SMALL = 1e8, 1e-11
# Of the decades between the loss and the source, the part that one line must account for: otherwise no line is to blame.
SHARE = 0.5
# Passes through the line over which the change is spread. One op that changes the size alone is a scale that somebody wrote.
PASSES = 4


@dataclass(frozen=True)
class Growth:
    """The line on the way from the loss to the source at which the norm changes most, in all its passes."""

    op: Op  # the pass nearest the source
    passes: int
    decades: float  # log10 of the change, negative where it shrinks
    near_loss: float  # the norm of the gradient that arrives at the first of these passes
    near_source: float


def growth(case: Case) -> Growth | None:
    """Where the norm of the gradient changes most on the way; None if the norms on the way are not known."""
    run = case.recorded
    changes: dict[tuple[str, int], list[tuple[Op, float, float, float]]] = defaultdict(list)
    for op in reversed(case.flow.path):
        out = max((n for n in map(run.norm, op.outs) if n), default=0.0)
        into = max((n for n in map(run.norm, case.flow.carriers[op.index]) if n), default=0.0)
        if op.stack and out and into and math.isfinite(out) and math.isfinite(into):
            code, line = op.stack[0]
            changes[code.co_filename, line].append((op, math.log10(into / out), out, into))
    whole = sum(change for passed in changes.values() for _, change, _, _ in passed)
    if not whole:
        return None
    passed = max(changes.values(), key=lambda p: math.copysign(1.0, whole) * sum(change for _, change, _, _ in p))
    decades = sum(change for _, change, _, _ in passed)
    steep = max(abs(change) for _, change, _, _ in passed)
    spread = len(passed) >= PASSES and steep <= SHARE * abs(decades)
    if not spread or decades / whole < SHARE:
        return None
    return Growth(passed[-1][0], _times(passed), decades, passed[0][2], passed[-1][3])


def _times(passed: list[tuple[Op, float, float, float]]) -> int:
    """How often the line ran: the commonest count of one type of op in it."""
    counts: dict[str, int] = defaultdict(int)
    for op, *_ in passed:
        counts[op.type] += 1
    return max(counts.values())


def _found(case: Case, words: str) -> Finding | None:
    change = case.once(growth)
    if change is None:
        return None
    evidence = (
        f"on the way back the norm goes from {change.near_loss:.3g} to {change.near_source:.3g} in about {change.passes} "
        f"passes through this line"
    )
    return Finding(
        place_of(change.op), evidence, (Proof.GRADIENT,), change.op.type, change.op, status_text=words, norm=case.norm
    )


@rule(Kind.OK, rank=50, cause=EXPLODING)
def grows(case: Case) -> Finding | None:
    """The gradient's norm is beyond what float32 weights survive, and most of it arises in repeated passes of one line."""
    if case.run is None or case.source is None or case.norm is None or case.norm < LARGE:
        return None
    return _found(case, "a gradient, but far too large")


@rule(Kind.OK, rank=60, cause=VANISHING)
def shrinks(case: Case) -> Finding | None:
    """The gradient's norm is below what any usual optimizer can use, and most of it is lost in repeated passes of one line."""
    if case.run is None or case.source is None or case.norm is None or not 0 < case.norm <= SMALL:
        return None
    return _found(case, "a gradient, but far too small")
