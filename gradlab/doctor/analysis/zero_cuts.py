"""Where a gradient becomes zero: the op, what made its factor zero, and where ways that cancel meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.rerun_op import is_flat, local_vjp
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.trace import Op

# Ops followed back from a zero to what made it: about the length of one cell's chain times twenty time steps.
MAX_CHAIN = 400
# Ops through which every way leads that are run again by themselves: more than a deep network for images has.
MAX_TRIED = 100


def where_zero(run: Run, flow: Flow, source_key: int) -> Cut | None:
    """The op nearest the loss that turns a non-zero gradient into zero for the source.

    An input whose gradient is zero counts only if it leads back to the source through zeros: where the way back meets a
    value that has a gradient, that value carries on, and the input is a dead end beside it (the mean in a normalisation).
    """
    last_read = None
    for op in reversed(flow.path):
        outs = [o for o in op.outs if run.kind(o) not in _NOTHING]  # a NaN arrives as well as a number does
        if not outs:
            continue
        carriers = [k for k in flow.carriers[op.index] if run.is_float(k) or run.is_resource(k)]
        if (source_key in carriers and run.is_resource(source_key)) or any(
            run.reads.get(k) == source_key for k in carriers
        ):
            last_read = last_read or op
        tensors = [k for k in carriers if run.is_float(k)]
        zeros = [k for k in tensors if run.kind(k) in _NOTHING and _leads_back(run, flow, k, source_key)]
        if not zeros:
            continue
        for k in zeros:
            if _slope_of(run, op, k):
                return Cut(op, "cancel", k)
        if len(zeros) == len(tensors) and not (_is_source(run, zeros[-1], source_key) and _used(run, flow, source_key)):
            return Cut(op, "flat", zeros[-1])
    if last_read is not None:
        return Cut(last_read, "cancel", source_key)
    return None


_NOTHING = ("zero", "none")


def flat_alone(run: Run, flow: Flow, found: Cut) -> Cut | None:
    """An op before the one that `where_zero` found that is flat whatever gradient arrives and through which every way to
    the loss leads; None if there is none, or if what was found is such an op itself. Of several the one nearest the
    source: what comes behind it is given the same numbers whatever the source is, and may be flat because of these.

    Where several ways end at ops of their own, none of these is why the source has nothing: each is only the first on its
    way. A power of zero is no reason either, where a constant made the zero: 0 ** 2 lies behind a clip that gives 0.
    """
    if found.how != "flat":
        return None
    ways = list(_bottlenecks(run, flow))
    at_zero = found.op.type in op_types.POWERS and found.key is not None and _is_zero(run.value(found.key))
    if found.op in ways and not at_zero:
        return None
    may_be_flat = op_types.SATURATING | op_types.SELECTS | op_types.PRODUCTS | op_types.STEPS
    tried = [op for op in ways if op.index < found.op.index and op.type in may_be_flat]
    for op in tried[:MAX_TRIED]:
        keys = [k for k in flow.carriers[op.index] if run.is_float(k)]
        if is_flat(run, op, keys):
            return Cut(op, "flat", keys[-1])
    return None


def _bottlenecks(run: Run, flow: Flow) -> Iterator[Op]:
    """The ops through which every way from the source to the loss leads, in order: no value that was there before one of
    them is used after it."""
    last = {k: n for n, op in enumerate(flow.path) for k in flow.carriers[op.index]}
    last.update(dict.fromkeys(run.target_keys, len(flow.path)))
    made = {k for op in flow.path for k in op.outs}
    carriers = {k for op in flow.path for k in flow.carriers[op.index]}
    until = max((n for k, n in last.items() if k in carriers - made), default=-1)
    for n, op in enumerate(flow.path):
        if until <= n:
            yield op
        until = max([until, *(last[k] for k in op.outs if k in last)])


def _slope_of(run: Run, op: Op, k: int) -> bool:
    """Does the op by itself pass a gradient that is not zero back to its input `k`?"""
    own = local_vjp(run, op, k)
    return own is not None and bool(np.any(np.asarray(tf.convert_to_tensor(own))))


def _is_source(run: Run, k: int, source_key: int) -> bool:
    """Is a value the source itself, or what was read from it?"""
    if k == source_key or run.reads.get(k) == source_key:
        return True
    maker = run.trace.producer.get(k)
    return maker is not None and maker.type in op_types.READS and source_key in maker.ins


def _leads_back(run: Run, flow: Flow, k: int, source_key: int) -> bool:
    """Does a way lead from a value back to the source on which every value has no gradient or a zero one?"""
    todo, seen = [k], set[int]()
    while todo:
        k = todo.pop()
        if k in seen:
            continue
        seen.add(k)
        if _is_source(run, k, source_key):
            return True
        maker = run.trace.producer.get(k)
        if maker is None or maker.index not in flow.carriers:
            continue
        # A value without float dtype has no gradient to tell by, so the way goes on through it.
        todo += [i for i in flow.carriers[maker.index] if not run.is_float(i) or run.kind(i) in _NOTHING]
    return False


def _used(run: Run, flow: Flow, source_key: int) -> bool:
    """Do at least two ops pass the source gradients that are not zero? Then these cancel, and an op that passes none (a
    recurrent kernel's first step, whose state is zero) is not why the sum is zero."""
    found = 0
    for op in flow.path:
        if any(run.kind(o) == "ok" for o in op.outs):
            reads = [k for k in flow.carriers[op.index] if run.is_float(k) and _is_source(run, k, source_key)]
            found += any(_slope_of(run, op, k) for k in reads)
        if found == 2:
            return True
    return False


def join_op(run: Run, flow: Flow, key: int) -> Op | None:
    """Where the ways on which a value is used more than once meet again, nearest the loss: a difference if there is
    one."""
    marks: dict[int, frozenset[int]] = {}
    met: list[Op] = []
    for op in flow.path:
        ways = [marks.get(k, frozenset()) for k in op.ins]
        # A fast op reads the variable without an op of its own.
        if any(k == key or run.reads.get(k) == key for k in op.ins):
            ways.append(frozenset([op.index]))
        joint = frozenset().union(*ways)
        if len({w for w in ways if w}) > 1 and op.stack:
            met.append(op)
        for k in op.outs:
            marks[k] = joint
    differences = [op for op in met if op.type == "Sub"]
    return differences[-1] if differences else met[-1] if met else None


def zero_origin(run: Run, k: int, limit: int = MAX_CHAIN) -> Op | None:
    """The op that made an all-zero value zero (its inputs are not all zero), or None for a constant."""
    for _ in range(limit):
        maker = run.trace.producer.get(k)
        if maker is None:
            return None
        before = _came_from(run, maker)
        if before is None:
            return maker
        k = before
    return None


def _came_from(run: Run, maker: Op) -> int | None:
    """The input from which an op has its zeros; None if it made them itself, out of numbers that are not zero."""
    floats = [i for i in maker.ins if run.is_float(i)]
    zeros = [i for i in floats if _is_zero(run.value(i))]
    if maker.type in op_types.MADE_ZERO_ON_PURPOSE:
        # With nothing but zeros to choose from it has not chosen: whatever made those is why.
        if len(zeros) < len(floats) or maker.type in op_types.CONSTANT_FILLS:
            return None
        return next((i for i in zeros if i in run.trace.producer), None)
    return zeros[0] if zeros else None


def mask_product(run: Run, k: int, limit: int = MAX_CHAIN) -> Op | None:
    """The product that brought the zeros into an all-zero value, seen from where the zeros came from; None if no product
    did."""
    found = None
    for _ in range(limit):
        maker = run.trace.producer.get(k)
        before = _came_from(run, maker) if maker is not None else None
        if maker is None or before is None:
            return found
        if maker.type in op_types.MASKING_PRODUCTS and maker.stack:
            found = maker
        k = before
    return found


def _is_zero(value: Any) -> bool:
    return isinstance(value, tf.Tensor) and value.dtype in FLOATS and not np.any(np.asarray(value))
