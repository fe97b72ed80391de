"""Looks inside a tf.function that ran as one op: its Python function runs once more, op by op, with the state put back
afterwards."""

from __future__ import annotations

import tensorflow as tf

from gradlab.doctor.analysis import cuts, zero_cuts
from gradlab.doctor.analysis.dataflow import between, is_call
from gradlab.doctor.recording.backends import recorder
from gradlab.doctor.recording.recorded_run import Run, run_recorded
from gradlab.doctor.recording.snapshot import Snapshot, written
from gradlab.doctor.recording.sources import FLOATS, Eager, Source
from gradlab.doctor.recording.trace import Op, Trace
from gradlab.doctor.report import path
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import detached_op


def _blamed(run: Run, source: Source, status: str) -> Op | None:
    flow = run.between(source)
    if status == "none":
        found = cuts.cuts(run, flow)
        cut = found[0] if found else None
    elif status == "zero":
        cut = zero_cuts.where_zero(run, flow, run.seed(source))
    else:
        cut = cuts.where_not_finite(run, flow)
    if cut is not None:
        return cut.op if is_call(cut.op.type) else None
    inner = [op for op in flow.path if is_call(op.type)]
    return inner[-1] if inner else None


def sharpen(run: Run, row: Row, source: Source, status: str) -> Row:
    """The row with the line inside the tf.function that is to blame, if the blame lies on one."""
    if not any(is_call(op.type) for op in run.trace.ops):
        return row
    op = _blamed(run, source, status)
    if op is None:
        return row
    calls = [c for c in run.trace.calls if c[0] <= op.index]
    if not calls:
        return row
    _, function, args, kwargs = calls[-1]
    snapshot = Snapshot(recorder().key)
    touched: set[int] = set()
    try:
        trace, result = run_recorded(lambda: function.python_function(*args, **kwargs), [source])
        touched = written(trace)
    except Exception as error:
        row.evidence += f" (its body could not be run again: {type(error).__name__})"
        touched = written(getattr(error, "gradlab_trace", Trace()))
        return row
    finally:
        snapshot.restore(touched)
    outs = [t for t in tf.nest.flatten(result) if isinstance(t, Eager)]
    if not outs:
        return row
    inner = Run(trace, outs, recorder().key)
    floats = [t for t in outs if t.dtype in FLOATS]
    arriving = [run.gradients.get(k) for k in op.outs]
    matching = [
        g if g is not None and g.shape == t.shape else tf.zeros_like(t)
        for t, g in zip(floats, [*arriving, *[None] * len(floats)], strict=False)
    ]
    if any(g is not None for g in arriving):
        inner.upstream = matching
    carried = [k for k in run.between(source).carriers.get(op.index, []) if not run.is_resource(k)]
    inner.differentiate([source])
    flow = between(trace, [inner.seed(source), *carried], inner.target_keys, inner.reads)
    where = None
    if status == "none":
        found = cuts.cuts(inner, flow)
        if found:
            row.cause, where = detached_op.of_cut(inner, flow, found[0]), found[0].op
    elif status == "zero":
        cut = zero_cuts.where_zero(inner, flow, inner.seed(source))
        if cut is not None:
            row.cause, where = detached_op.of_zero(inner, flow, cut)
    else:
        cut = cuts.where_not_finite(inner, flow)
        if cut is not None:
            row.cause, where = detached_op.of_not_finite(inner, flow, cut), cut.op
    if where is not None:
        outer = row.where
        row.where = [*path.place_of(where), *[p for p in outer if p not in path.place_of(where)]]
        row.op = where.type
        row.evidence = f"inside the tf.function, {where.type} is where it stops"
        row.confidence = 0.85
        return finish(row)
    return row
