"""A gradient that is there when the functions run eagerly and missing in the learner's run: what the traced graph lost.

Public API only: the concrete function's graph and each operation's traceback. A value that the eager run used on the
way to the loss, and that the
graph computes without using it, is where the two differ (a dropped TensorArray.write is the classic).
"""

from __future__ import annotations

import gc
from typing import Any

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place, is_user_file, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS, Source
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.wording import finish


def _graphs(function: Any, args: Any, kwargs: Any) -> list[Any]:
    """The graph of a call and the graphs of the loops and branches in it."""
    concrete = function.get_concrete_function(*args, **kwargs)
    main = concrete.graph
    kind = type(main)
    found = [main]
    for thing in gc.get_objects():
        if type(thing) is kind and thing is not main:
            outer = thing
            for _ in range(10):
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


def lost_value(run: Run, flow: Flow) -> tuple[Place, str] | None:
    """The learner's line whose value the graph computes and drops although the eager run needed it, with the op's
    type."""
    lines = {(code.co_filename, line) for op in flow.path if op.stack for code, line in op.stack[:1]}
    # A list in Python needs no op in eager mode: its write counts as used where its value was made.
    made: list[tuple[Place, str]] = []
    for _, function, args, kwargs in run.trace.calls:
        for graph in _graphs(function, args, kwargs):
            outputs = {id(t) for t in getattr(graph, "outputs", ())}
            for operation in graph.get_operations():
                useful = [t for t in operation.outputs if t.dtype in FLOATS or t.dtype.name == "variant"]
                if (
                    not useful
                    or any(t.consumers() for t in operation.outputs)
                    or any(id(t) in outputs for t in operation.outputs)
                ):
                    continue
                place = _place(operation)
                if place is None or operation.type in ("Placeholder", "Const", "NoOp"):
                    continue
                listed = operation.type.startswith(("TensorList", "TensorArray"))
                if listed or (place.file, place.line) in lines:
                    made.append((place, operation.type))
    lists = [m for m in made if m[1].startswith(("TensorList", "TensorArray"))]
    chosen = lists or made
    return chosen[-1] if chosen else None


def mode_row(run: Run, flow: Flow, source: Source, status: str, last: Op | None) -> Row:
    """A row for a gradient that only the traced graph lacks."""
    row = Row(source.name, status, "unconnected")
    try:
        found = lost_value(run, flow)
    except Exception as error:  # retracing the learner's function may fail in any way; say so, name the call
        found, row.message = None, f"the graph could not be examined ({type(error).__name__})"
    norm = run.norm(run.seed(source))
    shown = f"{norm:.3g}" if norm is not None else "?"
    if found is not None:
        row.where, row.op = [found[0]], found[1]
        row.evidence = (
            f"run eagerly the gradient is there (norm {shown}); in the traced graph the result of "
            f"this line is used by nothing"
        )
        row.confidence = 0.8
    else:
        row.where = places(last.stack) if last is not None else []
        row.evidence = f"run eagerly the gradient is there (norm {shown}); the traced graph of the tf.function lacks it"
        row.confidence = 0.4
    finish(row)
    row.fix = (
        "keep and pass on what the call returns (array = array.write(i, x)); a graph has no side "
        "effects on Python objects"
    )
    return row
