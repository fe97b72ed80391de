"""The gradient flows and is of no use: so large that one step throws the weights away, or too small to move them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tensorflow as tf

from gradlab.doctor.certainty import Proof
from gradlab.doctor.op_types import READS, REARRANGES, SHIFTS
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import norm_of
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of

# A step of 1e-3 times a norm of 1e6 moves weights of size 1 by a thousand times their size.
LARGE = 1e6
# A step of 1 times a norm of 1e-8 is less than the distance of float32 numbers at 1 (6e-8): the weights stay as they are.
SMALL = 1e-8
# The change of log(loss) for a change of log(weights), which the units of the loss do not matter for. Ordinary losses
# have 0.01 to 100; a loss of 1e7 (a sum over a large batch) has a large gradient and an ordinary one of these.
RELATIVE_LARGE, RELATIVE_SMALL = 1e4, 1e-8
LOOP_LARGE = 1e4  # growth over all visits of one line that is out of proportion by itself, whatever became of the loss
VISITS = 3  # of one line from which its growth is told for each visit: a loop, so a time step or a layer
# A sum that is so much smaller than its terms is what their rounding left: 1e3 times the distance of float32 numbers (1e-7),
# as the terms went through roundings of their own. No step of a sequence loses that much in an op that adds.
CANCELLED = 1e-4
TELLING = 1.05  # growth at each visit that is worth a sentence


@dataclass(frozen=True)
class Growth:
    """How the gradient changes along the way from the loss back to the source."""

    where: list[Place]
    op: Op | None
    sentence: str
    in_loop: float = 1.0  # how many times larger it became over all visits of one line


# No cause has a label here: nothing is broken, and what to do depends on the model.
@rule(Kind.OK, rank=10)
def exploding(case: Case) -> Finding | None:
    """The norm is beyond any useful step, and out of proportion to the loss; or it grew to that in a loop, where a linear
    recurrence makes the loss as large."""
    norm, relative = case.norm, case.once(_relative)
    if norm is None or relative is None or norm < LARGE:
        return None
    if relative < RELATIVE_LARGE and case.once(_growth).in_loop < LOOP_LARGE:
        return None
    return _finding(
        case,
        "a gradient flows, and it explodes",
        "clip it (tf.clip_by_global_norm), or start the recurrent weights smaller or orthogonal",
    )


@rule(Kind.OK, rank=20)
def vanishing(case: Case) -> Finding | None:
    """The norm is below what moves a float32 weight, and out of proportion to the loss."""
    norm, relative = case.norm, case.once(_relative)
    if norm is None or relative is None or norm > SMALL or relative > RELATIVE_SMALL or case.once(_cancelled):
        return None
    return _finding(
        case,
        "a gradient flows, and it has vanished to almost nothing",
        "use a gated cell (LSTM, GRU), residual connections, or fewer steps between the loss and this source",
    )


def _finding(case: Case, text: str, fix: str) -> Finding:
    growth = case.once(_growth)
    blamed = growth.op
    return Finding(
        growth.where,
        growth.sentence,
        (Proof.GRADIENT,),
        blamed.type if blamed else "",
        blamed,
        fix=fix,
        status_text=text,
    )


def _relative(case: Case) -> float | None:
    """d log(loss) / d log(source), in size; None where there is no loss or source of a size to compare with."""
    if case.run is None or case.source is None or case.norm is None or not np.isfinite(case.norm) or case.norm == 0:
        return None
    targets = [t for t in case.run.targets if t.dtype in FLOATS]
    if not targets or not hasattr(case.asked.value, "numpy"):
        return None
    loss = sum(float(tf.reduce_sum(tf.abs(tf.cast(t, tf.float64)))) for t in targets)
    size = norm_of(tf.convert_to_tensor(case.asked.value))
    return case.norm * size / loss if loss > 0 and size > 0 and np.isfinite(loss) else None


def _cancelled(case: Case) -> bool:
    """Is the gradient the rounding of a sum whose terms cancel, so that nothing vanished on the way?

    The loss does not depend on what is added to all keys of an attention (the softmax takes it away), nor on a bias before a
    normalisation: exactly computed, the gradient of these is zero, and what arrives from the loss is of ordinary size.
    """
    run, terms, own = case.recorded, 0.0, {case.seed}
    for op in case.flow.path:
        if not any(k in own or run.reads.get(k) == case.seed for k in op.ins):
            continue
        if op.type in READS or op.type in REARRANGES:
            own.update(op.outs)
        elif op.type in SHIFTS:
            terms += sum((run.norm(k) or 0.0) ** 2 for k in op.outs)
        else:
            return False
    return terms > 0 and case.norm is not None and case.norm <= CANCELLED * terms**0.5


def _growth(case: Case) -> Growth:
    """Where the norm changes most: at each visit of a line in a loop, or at one op."""
    run = case.recorded
    visits: dict[tuple[str, int], list[tuple[Op, float]]] = {}
    steps: list[tuple[Op, float]] = []
    for op in case.flow.path:
        norms = [n for n in (run.norm(o) for o in op.outs) if n]
        if norms and op.stack and op.type not in READS:  # what a read passes on is one visit's share, not the way
            code, line = op.stack[0]
            visits.setdefault((code.co_filename, line), []).append((op, norms[0]))
            steps.append((op, norms[0]))
    shown = f"norm {case.norm:.3g}"
    best: tuple[float, Op, int] | None = None
    for seen in visits.values():
        kind = Counter(op.type for op, _ in seen).most_common(1)[0][0]
        same = [(o, n) for o, n in seen if o.type == kind]
        if len(same) < VISITS:
            continue
        factor = (same[0][1] / same[-1][1]) ** (1 / (len(same) - 1))  # the first visit is the farthest from the loss
        if best is None or abs(np.log(factor)) * len(same) > abs(np.log(best[0])) * best[2]:
            best = factor, same[0][0], len(same)
    if best is not None and max(best[0], 1 / best[0]) >= TELLING:
        factor, op, count = best
        how = f"grows {factor:.3g} times" if factor > 1 else f"shrinks to {factor:.3g} of itself"
        return Growth(
            place_of(op),
            op,
            f"{shown}; going back, it {how} at each of {count} visits of this line",
            factor ** (count - 1),
        )
    jumps = [(a[1] / b[1], a[0]) for a, b in pairwise(steps)]
    if not jumps:
        return Growth(place_of(case.first_use), case.first_use, shown)
    factor, op = max(jumps, key=lambda j: abs(np.log(j[0])))
    return Growth(place_of(op), op, f"{shown}; the largest change on the way back is here, by a factor of {factor:.3g}")
