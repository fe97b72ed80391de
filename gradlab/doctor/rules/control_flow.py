"""No value that the loss used came from the source: why not?

In this order: it left TensorFlow and came back as a number; it only steered a loop or a branch; the values were made
before the run; the
object is not the one the loss used; or the loss does not depend on it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from gradlab.doctor.analysis.dataflow import Flow, is_write
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Op, Trace
from gradlab.doctor.rules import leaving, left_tensorflow
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.rules.other_tensor import another_object, made_before
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import Scene

Again = Callable[[Source], "tuple[Trace, float, float] | None"]


def last_use(run: Run, flow: Flow) -> Op | None:
    """The last op that used the source."""
    for op in reversed(run.trace.ops):
        if op.index in flow.carriers and op.stack:
            return op
    for op in reversed(run.trace.ops):
        if op.stack and any(k in flow.tainted for k in op.ins):
            return op  # only its shape was used
    return None


def first_use(run: Run, flow: Flow) -> Op | None:
    """The first op that used the source."""
    for op in run.trace.ops:
        if op.index in flow.carriers and op.stack:
            return op
    return None


def explain(run: Run, flow: Flow, source: Source, scene: Scene, again: Again | None) -> Finding:
    """Why the source and the loss are not connected."""
    tainted = [c for c in run.trace.conversions if c.key in flow.tainted]
    control = [
        c
        for c in tainted
        if left_tensorflow.control_of(c)
        or (c.kind in left_tensorflow.CONTROL and c.kind != "__iter__")
        or left_tensorflow.only_counts(c)
    ]
    dead = left_tensorflow.dead_ends(run, flow)
    rerun = again(source) if again is not None and (tainted or dead) else None
    if rerun is not None:
        other, scale, change = rerun
        handles = set(run.reads) | {run.seed(source)}
        entries, diverged = left_tensorflow.changed_externals(run.trace, other, handles)
        entries = [e for e in entries if e.op.index in flow.needed] or []
        moved = (
            f"moving it by {scale:g} changes the loss by {change:.3g}" if change else "no change of the loss was seen"
        )
        values = [c for c in tainted if c not in control]
        steered = control and not values and not any(left_tensorflow._refine(op, None) for op in dead)
        if entries and not steered:
            return _returned(run, flow, entries[0].op, f"{moved}, but only as a plain number")
        if control and (diverged or change):
            return _steered(run, flow, control, moved)
    left = leaving.find(run, flow, source, scene) if rerun is None or not control else None
    if left is not None:
        if rerun is not None:
            left.evidence += f"; {moved}"
        return left
    if (control and rerun is None) or (control and not [c for c in tainted if c not in control]):
        return _steered(run, flow, control, "its value only went into a condition")
    before = made_before(run, flow, source, scene)
    if before is not None:
        return before
    other_source = another_object(run, flow, source, scene)
    if other_source is not None:
        return other_source
    values = [c for c in tainted if c.kind not in left_tensorflow.CONTROL and not left_tensorflow.is_speech(c.stack)]
    if values and rerun is not None and _used_later(values[-1]):
        place, kind = left_tensorflow.exit_place(run, flow, None)
        return Finding(
            _left(kind),
            [place] if place else [],
            kind,
            "its value left TensorFlow here; no change of the loss was seen at the steps tried",
            0.5,
        )
    return _unused(run, flow, source, scene)


def _used_later(c: Any) -> bool:
    """Is the result of a conversion assigned to a name that a later line reads?"""
    code, line = c.stack[0] if c.stack else (None, 0)
    if code is None:
        return False
    s = syntax.statement_at(code.co_filename, line)
    return isinstance(s, (ast.Assign, ast.AugAssign, ast.Return))


def _returned(run: Run, flow: Flow, op: Op, evidence: str) -> Finding:
    place, kind = left_tensorflow.exit_place(run, flow, op)
    back = places(op.stack)
    where = ([place] if place else []) + [p for p in back if p != place]
    if is_write(op):
        return Finding("state-assign", back + ([place] if place else []), op.type, evidence, 0.85, op)
    if any(p in op.type for p in ("Dataset", "Iterator")):
        return Finding("stateful-pipeline", where, op.type, evidence, 0.8, op)
    maker = next((o for o in run.trace.ops if "IteratorGetNext" in o.type and o.index in flow.needed), None)
    if maker is not None and op.index <= maker.index:
        return Finding("stateful-pipeline", where, maker.type, evidence, 0.7, op)
    return Finding(_left(kind), where, kind, evidence, 0.9, op)


def _left(kind: str) -> str:
    return "py-function" if kind == "py_function" else "numpy-conversion"


def _steered(run: Run, flow: Flow, control: list[Any], evidence: str) -> Finding:
    kinds = [
        "loop" if left_tensorflow.control_of(c) == "loop" or left_tensorflow.only_counts(c) else "branch"
        for c in control
    ]
    chosen = control[kinds.index("loop")] if "loop" in kinds else control[-1]
    op = run.trace.producer.get(chosen.key)
    where = places(chosen.stack)
    if "loop" in kinds:
        if op is not None and op.stack and chosen.kind == "__bool__":
            where = places(op.stack)
        return Finding(
            "loop-condition",
            where,
            op.type if op is not None else chosen.kind,
            f"it only decides how often a loop runs; {evidence}",
            0.85,
            op,
        )
    if op is not None and op.stack:
        where = places(op.stack)
    return Finding(
        "comparison",
        where,
        op.type if op is not None else chosen.kind,
        f"it only decides which branch runs; {evidence}",
        0.75,
        op,
    )


def _unused(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding:
    op = last_use(run, flow)
    if op is not None:
        return Finding(
            "unconnected",
            places(op.stack),
            op.type,
            "it is used here last, and nothing of that reaches the loss",
            0.85,
            op,
        )
    place = scene.definition(source)
    evidence = "it was never read while the loss was computed"
    return Finding("unconnected", [place] if place else [], "", evidence, 0.8 if place else 0.5)
