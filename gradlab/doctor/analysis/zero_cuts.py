"""Where a gradient becomes zero: the op, what made its factor zero, and where ways that cancel meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.rerun_op import local_vjp
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.trace import Op

# Ops followed back from a zero to what made it: about the length of one cell's chain times twenty time steps.
MAX_CHAIN = 400


def where_zero(run: Run, flow: Flow, source_key: int) -> Cut | None:
    """The op nearest the loss that turns a non-zero gradient into zero for the source.

    An op that still has a live way towards the source only loses a part there (a normalisation's mean is one: its slopes
    sum to zero while the value itself goes on), so an op at which all ways end is looked for first.
    """
    return (
        _where_reads_cancel(run, flow, source_key)
        or _where_zero(run, flow, source_key, all_ways=True)
        or _where_zero(run, flow, source_key, all_ways=False)
    )


def _where_reads_cancel(run: Run, flow: Flow, source_key: int) -> Cut | None:
    """The last use of a variable whose reads have gradients that are not zero, though their sum is: a single read with a
    zero (the first step of a recurrent layer) explains nothing then."""
    for op in reversed(flow.path):
        read = [k for k in op.ins if run.reads.get(k) == source_key]
        if op.type == "ReadVariableOp" and source_key in op.ins:
            read += op.outs
        if any(run.kind(k) == "ok" for k in read):
            return Cut(op, "cancel", source_key)
    return None


def _where_zero(run: Run, flow: Flow, source_key: int, all_ways: bool) -> Cut | None:
    last_read = None
    for op in reversed(flow.path):
        outs = [o for o in op.outs if run.kind(o) == "ok"]
        if not outs:
            continue
        carriers = [k for k in flow.carriers[op.index] if run.is_float(k) or run.is_resource(k)]
        if (source_key in carriers and run.is_resource(source_key)) or any(
            run.reads.get(k) == source_key for k in carriers
        ):
            last_read = last_read or op
        tensors = [k for k in carriers if run.is_float(k)]
        zeros = [k for k in tensors if run.kind(k) in ("zero", "none")]
        if not zeros or (all_ways and len(zeros) < len(tensors)):
            continue
        for k in zeros:
            own = local_vjp(run, op, k)
            if own is not None and np.any(np.asarray(tf.convert_to_tensor(own))):
                return Cut(op, "cancel", k)
        if len(zeros) == len(tensors):
            return Cut(op, "flat", zeros[-1])
    if last_read is not None:
        return Cut(last_read, "cancel", source_key)
    return None


def meeting(run: Run, flow: Flow, key: int) -> Op | None:
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
        zero_in = [i for i in maker.ins if run.is_float(i) and _is_zero(run.value(i))]
        if not zero_in or maker.type in op_types.MADE_ZERO_ON_PURPOSE:
            return maker
        k = zero_in[0]
    return None


def mask_product(run: Run, k: int, limit: int = MAX_CHAIN) -> Op | None:
    """The product that brought the zeros into an all-zero value, seen from where the zeros came from; None if no product
    did."""
    found = None
    for _ in range(limit):
        maker = run.trace.producer.get(k)
        zero_in = [i for i in maker.ins if run.is_float(i) and _is_zero(run.value(i))] if maker is not None else []
        if maker is None or not zero_in or maker.type in op_types.MADE_ZERO_ON_PURPOSE:
            return found
        if maker.type in op_types.MASKING_PRODUCTS and maker.stack:
            found = maker
        k = zero_in[0]
    return found


def _is_zero(value: Any) -> bool:
    return isinstance(value, tf.Tensor) and value.dtype in FLOATS and not np.any(np.asarray(value))
