"""What only the traced graph of a tf.function shows: a value that it drops, or the line inside it that is to blame."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis import cuts, zero_cuts
from gradlab.doctor.analysis.dataflow import Flow, between
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.alive import instances
from gradlab.doctor.recording.backends import recorder
from gradlab.doctor.recording.frames import Place, is_user_file
from gradlab.doctor.recording.recorded_run import Run, run_recorded
from gradlab.doctor.recording.snapshot import Snapshot, written
from gradlab.doctor.recording.sources import FLOATS, Eager
from gradlab.doctor.recording.tf_internals import generator_kept
from gradlab.doctor.recording.trace import Op, Trace
from gradlab.doctor.rules import Case, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.unconnected import UNCONNECTED

MAX_NESTING = 10  # graphs of loops and branches inside each other; real programs have two or three


# --- a tf.function that ran as one op: its Python function runs once more, op by op ----------------------------------


def _blamed(case: Case) -> Op | None:
    """The op of a tf.function at which the gradient ends, or through which the source reaches the loss."""
    run, flow = case.recorded, case.flow
    if case.status is Kind.NONE:
        cut = case.cut if case.cuts else None
    elif case.status is Kind.ZERO:
        cut = zero_cuts.where_zero(run, flow, case.seed)
    else:
        cut = cuts.where_not_finite(run, flow)
    if cut is not None:
        return cut.op if op_types.is_call(cut.op.type) else None
    return next((op for op in reversed(flow.path) if op_types.is_call(op.type)), None)


@rule(Kind.NONE, Kind.ZERO, Kind.NOT_FINITE, rank=30)
def inside_a_function(case: Case) -> Finding | None:
    """The gradient ends at a tf.function that ran as one op. Run eagerly, the function shows the op inside."""
    run = case.recorded
    op = _blamed(case) if any(op_types.is_call(o.type) for o in run.trace.ops) else None
    calls = [c for c in run.trace.calls if op is not None and c[0] <= op.index]
    if op is None or not calls:
        return None
    _, function, args, kwargs = calls[-1]
    inner = _run_inside(case, function, args, kwargs)
    if inner is None:
        return None
    arriving = [run.gradients.get(k) for k in op.outs]
    if any(g is not None for g in arriving):
        floats = [t for t in inner.targets if t.dtype in FLOATS]
        inner.upstream = [
            g if g is not None and g.shape == t.shape else tf.zeros_like(t)
            for t, g in zip(floats, [*arriving, *[None] * len(floats)], strict=False)
        ]
    inner.differentiate([case.asked])
    carried = [k for k in case.flow.carriers.get(op.index, []) if not run.is_resource(k)]
    flow = between(inner.trace, [inner.seed(case.asked), *carried], inner.target_keys, inner.reads)
    inside = case.but(run=inner, given_flow=flow, call=None, check=None)
    if not _shows_it(inside):
        return None
    found = find(inside, case.status)
    if found is None:
        return None
    found.where += [p for p in place_of(op) if p not in found.where]
    found.evidence = f"inside the tf.function, {found.evidence}"
    found.blamed = op
    return found


def _shows_it(inside: Case) -> bool:
    run, flow = inside.recorded, inside.flow
    if inside.status is Kind.NONE:
        return flow.reached and bool(inside.cuts)
    if inside.status is Kind.ZERO:
        return zero_cuts.where_zero(run, flow, inside.seed) is not None
    return cuts.where_not_finite(run, flow) is not None


def _run_inside(case: Case, function: Any, args: Any, kwargs: Any) -> Run | None:
    """One more run of a tf.function's Python function, recorded; variables and generators are put back."""
    snapshot = Snapshot(recorder().key)
    touched: set[int] = set()
    try:
        with generator_kept():
            trace, result = run_recorded(lambda: function.python_function(*args, **kwargs), [case.asked])
        touched = written(trace)
    except Exception as error:  # the user's function may fail eagerly in any way; the report says so
        case.remarks.append(f"the body of the tf.function could not be run again ({type(error).__name__})")
        touched = written(getattr(error, "gradlab_trace", Trace()))
        return None
    finally:
        snapshot.restore(touched)
    outs = [t for t in tf.nest.flatten(result) if isinstance(t, Eager)]
    return Run(trace, outs, recorder().key) if outs else None


# --- a gradient that is there when the functions run eagerly, and missing in the user's run ---------------------------


@rule(Kind.NONE, Kind.ZERO, rank=35, cause=UNCONNECTED)
def lost_in_the_graph(case: Case) -> Finding | None:
    """Run eagerly the gradient is there; the traced graph lacks it. A value that the eager run used on the way to the
    loss, and that the graph computes without using it, is where the two differ (a dropped TensorArray.write is the
    classic)."""
    run = case.recorded
    if case.status is Kind.NONE:
        there = case.alive and (case.watched or case.asked.is_variable)
    else:
        there = run.kind(case.seed) == "ok"
    if not there or not run.trace.calls:
        return None
    norm = run.norm(case.seed)
    shown = f"run eagerly the gradient is there (norm {norm:.3g})" if norm is not None else "run eagerly it is there"
    fix = "keep and pass on what the call returns (array = array.write(i, x)); a graph has no side effects on Python objects"
    try:
        found = _dropped(run, case.flow)
    except Exception as error:  # tracing the user's function again may fail in any way; the report says so
        case.remarks.append(f"the graph could not be examined ({type(error).__name__})")
        found = None
    if found is not None:
        evidence = f"{shown}; in the traced graph the result of this line is used by nothing"
        return Finding([found[0]], evidence, (Proof.VALUES, Proof.FLOW), found[1], fix=fix)
    evidence = f"{shown}; the traced graph of the tf.function lacks it"
    return Finding(place_of(case.last_use), evidence, fix=fix)


def _graphs(function: Any, args: Any, kwargs: Any) -> list[Any]:
    """The graph of a call and the graphs of the loops and branches in it."""
    main = function.get_concrete_function(*args, **kwargs).graph
    found = [main]
    for thing in instances([type(main)]):
        if thing is not main:
            outer = thing
            for _ in range(MAX_NESTING):
                outer = getattr(outer, "outer_graph", None)
                if outer is None or outer is main:
                    break
            if outer is main:
                found.append(thing)
    return found


def _place(operation: Any) -> Place | None:
    for frame in reversed(list(operation.traceback or ())):
        if is_user_file(frame.filename):
            return Place(frame.filename, frame.lineno, frame.name)
    return None


def _dropped(run: Run, flow: Flow) -> tuple[Place, str] | None:
    """The user's line whose value the graph computes and drops although the eager run needed it, with the op's type."""
    lines = {(code.co_filename, line) for op in flow.path if op.stack for code, line in op.stack[:1]}
    # A list in Python needs no op in eager mode: its write counts as used where its value was made.
    made: list[tuple[Place, str]] = []
    for _, function, args, kwargs in run.trace.calls:
        for graph in _graphs(function, args, kwargs):
            outputs = {id(t) for t in getattr(graph, "outputs", ())}
            for operation in graph.get_operations():
                kind = operation.type
                if kind in op_types.GRAPH_LEAVES or any(t.consumers() or id(t) in outputs for t in operation.outputs):
                    continue
                if not any(t.dtype in FLOATS or t.dtype.name == "variant" for t in operation.outputs):
                    continue
                place = _place(operation)
                if place is not None and (op_types.is_list(kind) or (place.file, place.line) in lines):
                    made.append((place, kind))
    lists = [m for m in made if op_types.is_list(m[1])]
    chosen = lists or made
    return chosen[-1] if chosen else None
