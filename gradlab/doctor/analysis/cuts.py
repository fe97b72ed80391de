"""Where the gradient stops, dies or turns into NaN: an op of the trace, found from the flow and the table of
gradients."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.dataflow import Flow, backward, forward
from gradlab.doctor.analysis.rerun_op import local_vjp
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op, Trace

# Values looked at in one walk back from an op, so that a long recording does not make one question slow. What is looked
# for stands a few ops back; a walk through an unrolled loop would go on for thousands.
MAX_ANCESTORS = 300
# Cuts tried as the one that alone parts a source from the loss: each costs a pass over the trace.
MAX_TRIED = 8
# Casts, copies and changes of shape between two casts that undo each other: Keras makes two or three.
MAX_REARRANGED = 8
# Sums and copies followed back from each side of `x + stop_gradient(f(x) - x)`: the written form has at most these.
STOPPED_DEPTH, OTHER_DEPTH = 3, 2


@dataclass
class Cut:
    """The op where the gradient ends, and in which way."""

    op: Op
    how: str  # cut, state, flat, cancel, forward, blown
    key: int | None = None  # the input through which the source came


def _bad(value: Any) -> bool:
    return (
        isinstance(value, tf.Tensor) and value.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(value)))
    )


def _has_nan(value: Any) -> bool:
    return isinstance(value, tf.Tensor) and value.dtype.is_floating and bool(tf.reduce_any(tf.math.is_nan(value)))


def walk_back(run: Run, flow: Flow, op: Op, k: int) -> Cut:
    """From an op whose input `k` carries the source without a gradient, back to the op that cut it."""
    if op.type in op_types.STOPS and getattr(run.trace.tensors.get(k), "dtype", None) == tf.variant:
        return Cut(op, "cut", k)  # what a loop with back_prop=False hands on is a list: no float, and no integer
    for _ in range(len(run.trace.ops) + 1):
        writer = flow.read_by.get(k) or flow.read_by.get(-op.index - 1)
        if writer is not None and (k in run.reads or run.is_resource(k)):
            return Cut(writer, "state", k)
        maker = run.trace.producer.get(k)
        if maker is None or maker.index not in flow.carriers:
            return Cut(op, "cut", k)
        if run.enters(op, k):
            return Cut(op, "cut", k)
        if run.is_float(k):
            if maker.type in op_types.STOPS:
                return Cut(maker, "cut", flow.carriers[maker.index][0])
            if maker.type == "ReadVariableOp":
                writer = flow.read_by.get(-maker.index - 1)
                if writer is not None:
                    return Cut(writer, "state", k)
            return Cut(op, "cut", k)
        carriers = flow.carriers[maker.index]
        floats = [c for c in carriers if run.is_float(c)]
        whole = maker.type in op_types.EQUALITIES or _to_integer(run, maker)
        inner = _from_index(run, flow, floats[-1]) if floats and whole else None
        if inner is not None:
            op, k = inner
        elif floats:
            return Cut(maker, "cut", floats[-1])
        else:
            op, k = maker, carriers[-1]
    return Cut(op, "cut", k)


def _to_integer(run: Run, op: Op) -> bool:
    """Does an op turn numbers into integers?"""
    return op.type == "Cast" and not run.is_float(op.outs[0])


def _from_index(run: Run, flow: Flow, k: int) -> tuple[Op, int] | None:
    """The cast that made a float out of an integer which carries the source, if that is where a value that is compared,
    or made an integer again, comes from: rearranged on the way at most. (Keras makes floats of the numbers of words, and
    integers again.)"""
    for _ in range(MAX_REARRANGED):
        maker = run.trace.producer.get(k)
        if maker is None or maker.index not in flow.carriers:
            return None
        if maker.type == "Cast" and not run.is_float(maker.ins[0]):
            return maker, maker.ins[0]
        if maker.type not in op_types.REARRANGES:
            return None
        k = flow.carriers[maker.index][0]
    return None


def cuts(run: Run, flow: Flow) -> list[Cut]:
    """Every place on the way from the source to the loss where a carrier has no gradient though the op's output has;
    nearest the loss first."""
    found: list[tuple[bool, Cut]] = []
    for op in reversed(flow.path):
        if op_types.is_write(op.type) or not any(run.live(o) for o in op.outs):
            continue
        dead = [k for k in flow.carriers[op.index] if _dead(run, flow, op, k)]
        if dead:
            alive = len(dead) < len(flow.carriers[op.index])
            found.append((alive, walk_back(run, flow, op, dead[-1])))
    found.sort(key=lambda item: item[0])
    seen: set[int] = set()
    out = []
    for _, cut in found:
        if cut.op.index not in seen:
            seen.add(cut.op.index)
            out.append(cut)
    # The ops of a function with a gradient of its own have none; where the function's argument has one, none is missed.
    real = [c for c in out if "custom_gradient" not in c.op.marks or not bypassed(run, flow, c)]
    return real or out


def separating_cut(run: Run, found: list[Cut], *seeds: int) -> Cut:
    """Of several cuts the one nearest the loss that alone parts the source from it. If none does: of values that are
    written into variables again and again, the write that the source itself comes to; else the one that alone ends the
    ways on which all values are floats (an integer only chooses what else is used); else the first."""
    tried = found[:MAX_TRIED] if len(found) > 1 else []
    for cut in tried:
        if _separates(run.trace.ops, run, cut.op, *seeds):
            return cut
    if tried and found[0].how == "state":
        direct, _, _ = forward(Trace([op for op in run.trace.ops if not op_types.is_write(op.type)]), seeds, run.reads)
        came = [(op, k) for op in run.trace.ops if op_types.is_write(op.type) for k in op.ins[1:] if k in direct]
        # A write in the way of the source, and one that the loss has something from.
        needed = backward(run.trace, run.target_keys, run.reads)
        for op, k in came[:MAX_TRIED]:
            if op.index in needed and _separates(run.trace.ops, run, op, *seeds):
                return Cut(op, "state", k)
        first = next(((op, k) for op, k in came if op.index in needed), None)
        if first is not None and not any(found[0].op is op for op, _ in came):
            return Cut(first[0], "state", first[1])
    elif tried:
        ops = [_without_counts(run, op) for op in run.trace.ops]
        if not _separates(ops, run, None, *seeds):
            return next((cut for cut in tried if _separates(ops, run, cut.op, *seeds)), found[0])
    return found[0]


def _counts(run: Run, k: int) -> bool:
    """Is a value a number of rows, an index or a truth value: no float, and no handle of a variable or a list?"""
    dtype = getattr(run.trace.tensors.get(k), "dtype", None)
    return dtype is not None and (dtype.is_integer or dtype.is_bool)


def _without_counts(run: Run, op: Op) -> Op:
    """An op as if it took no such value."""
    kept = tuple(k for k in op.ins if not _counts(run, k))
    if len(kept) < len(op.ins):
        op = copy.copy(op)
        op.ins = kept
    return op


def _separates(ops: list[Op], run: Run, cut: Op | None, *seeds: int) -> bool:
    """Does nothing lead from the source to the loss, by these ops, without those of this kind on this line?"""
    line = cut.stack[:1] if cut is not None else ()
    rest = [
        op for op in ops if cut is None or (op.index != cut.index and (op.type != cut.type or op.stack[:1] != line))
    ]
    start = list(seeds)
    while True:
        reached, _, _ = forward(Trace(rest), start, run.reads)
        further = [into for out, into in run.turns.items() if out in reached and into not in start]
        if not further:
            return not any(k in reached for k in run.target_keys)
        start += further


def _dead(run: Run, flow: Flow, op: Op, k: int) -> bool:
    """Does this input carry the source without a gradient? A read of a variable does so only after a write that came
    from the source."""
    if run.is_resource(k):
        # An op other than a read may take the variable as it is; then the variable's own gradient tells.
        whole = op.type not in op_types.READS and k in run.asked and not run.live(k)
        return whole or flow.read_by.get(-op.index - 1) is not None
    if k in run.reads:
        return k in flow.read_by or (k in run.asked and not run.live(k))
    return not run.live(k)


def where_not_finite(run: Run, flow: Flow) -> Cut | None:
    """The op whose output has a finite gradient and whose input has not; if the loss itself is not finite, the op that
    made it so."""
    loss_bad = any(_bad(t) for t in run.targets if t.dtype.is_floating)
    if loss_bad:
        first = None
        for op in run.trace.ops:
            if op.index not in flow.needed or op_types.is_write(op.type):
                continue
            outs = [o for o in op.outs if run.is_float(o) and _bad(run.value(o))]
            if not outs:
                continue
            ins_bad = [k for k in op.ins if run.is_float(k) and _bad(run.value(k))]
            makes_nan = any(_has_nan(run.value(o)) for o in outs) and not any(_has_nan(run.value(k)) for k in ins_bad)
            if not ins_bad or makes_nan or all(k in run.trace.external for k in ins_bad):
                nan_loss = any(_has_nan(t) for t in run.targets)
                if nan_loss and not any(_has_nan(run.value(o)) for o in outs):
                    first = first or op  # an infinity: keep looking for the NaN, but remember
                    continue
                # A NaN made from that infinity (inf - inf, 0 * inf) has its root there; log(0), say, stays harmless.
                root = first is not None and (_overflows(run, first) or _reads_a_weight(run, first))
                from_it = root and first is not None and op.index in after(run, first, flow.needed)
                return Cut(first if from_it and first is not None else op, "forward")
        if first is not None:
            return Cut(first, "forward")
    blamed = list(_spoilers(run, flow))
    creators = [
        c
        for c in blamed
        if any(_bad(run.value(o)) for o in c.op.outs) and not any(_bad(run.value(k)) for k in c.op.ins)
    ]
    # Where a forward value first became infinite or NaN from finite ones is the root of what later ops make of it.
    return creators[0] if creators else blamed[0] if blamed else None


def _overflows(run: Run, op: Op) -> bool:
    """Does an op make an infinity because the number is too large for the dtype, and not at the end of where it is defined?"""
    return op.type in op_types.OVERFLOWING and all(
        not run.is_float(k) or bool(tf.reduce_all(tf.math.is_finite(run.value(k)))) for k in op.ins
    )


def _reads_a_weight(run: Run, op: Op) -> bool:
    """Does an op read a variable that is trained? An infinity in it is no constant of the program (a mask of minus
    infinity), but what an update has left."""
    return op.type in op_types.READS and any(run.key(v) == op.ins[0] for v in run.variables())


def _spoilers(run: Run, flow: Flow) -> Iterator[Cut]:
    """Ops whose own gradient is not finite though what arrives is (or does not matter), nearest the loss first."""
    for op in reversed(flow.path):
        outs = [o for o in op.outs if run.live(o)]
        if not outs or any(run.kind(o) in ("nan", "inf") for o in outs):
            continue
        bad = [
            k
            for k in flow.carriers[op.index]
            if (run.is_float(k) or (run.is_resource(k) and op.type not in op_types.READS))
            and run.kind(k) in ("nan", "inf")
        ]
        for k in bad:
            own = local_vjp(run, op, k)
            if own is None or not np.all(np.isfinite(np.asarray(tf.convert_to_tensor(own)))):
                yield Cut(op, "blown", k)
                break
    # An op behind a spoilt value may have spoilt its own part as well: a where() over log(0) spoils twice.
    for op in reversed(flow.path):
        made = [o for o in op.outs if run.is_float(o) and _bad(run.value(o))]
        if (
            made
            and not any(_bad(run.value(k)) for k in op.ins)
            and any(run.kind(k) in ("nan", "inf") for k in flow.carriers[op.index])
        ):
            yield Cut(op, "blown", flow.carriers[op.index][0])


def descends(run: Run, k: int, types: Collection[str], limit: int = MAX_ANCESTORS) -> Op | None:
    """The first op of one of these types among the ancestors of a tensor."""
    todo, seen = [k], set[int]()
    while todo and len(seen) < limit:
        k = todo.pop()
        if k in seen:
            continue
        seen.add(k)
        maker = run.trace.producer.get(k)
        if maker is None:
            continue
        if maker.type in types:
            return maker
        todo += maker.ins
    return None


def after(run: Run, op: Op, needed: set[int]) -> set[int]:
    """Indices of the ops on the way to the loss that depend on what `op` made."""
    keys = set(op.outs)
    found = set()
    for later in run.trace.ops:
        if (
            later.index > op.index
            and later.index in needed
            and any(k in keys for k in later.ins)
            and later.type not in op_types.OVERWRITES
        ):
            found.add(later.index)
            keys.update(later.outs)
    return found


def bypassed(run: Run, flow: Flow, cut: Cut, limit: int = MAX_ANCESTORS) -> bool:
    """Does the gradient jump over the dead values behind a custom gradient (it is taken from the function's inputs
    instead)?"""
    todo, seen = list(flow.carriers.get(cut.op.index, [])), set[int]()
    while todo and len(seen) < limit:
        k = todo.pop()
        if k in seen:
            continue
        seen.add(k)
        if run.is_float(k) and run.live(k):
            return True
        maker = run.trace.producer.get(k)
        todo += flow.carriers.get(maker.index, []) if maker is not None else []
    return False


def straight_through(run: Run, cut: Cut) -> bool:
    """Is a stop_gradient part of `x + stop_gradient(f(x) - x)` (or `x - stop_gradient(x) + ...`): a substitute
    gradient on purpose?"""
    stop = cut.op
    if stop.type != "StopGradient" or not stop.ins:
        return False
    stopped = stop.ins[0]
    inside = _behind(run, stopped, STOPPED_DEPTH) | {stopped}
    for op in run.trace.ops:
        if stop.outs and stop.outs[0] in op.ins and op.type in op_types.SUMS:
            others = [k for k in op.ins if k != stop.outs[0]]
            if any(k in inside or (op.type == "Sub" and stopped in _behind(run, k, OTHER_DEPTH)) for k in others):
                return True
    return False


def _behind(run: Run, k: int, depth: int) -> set[int]:
    """Inputs of a value up to some ops back, through additions, subtractions and copies."""
    maker = run.trace.producer.get(k)
    if depth == 0 or maker is None or maker.type not in op_types.SUMS_AND_COPIES:
        return set()
    found = set(maker.ins)
    for i in maker.ins:
        found |= _behind(run, i, depth - 1)
    return found
