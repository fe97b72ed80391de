"""Rows for sources in a traced graph: where the gradient ends, also inside loops, branches and functions."""

from __future__ import annotations

from gradlab.doctor.analysis import graph_cuts
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow, is_write
from gradlab.doctor.analysis.graph_cuts import CARRIES, GraphCut, GraphRun
from gradlab.doctor.analysis.graph_reachability import Reachability
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import describe, drawn, place_of
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import control_flow, detached_op
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.source_code.scope import Scene

FILLED = "the graph returns zeros here where an eager run gives None: a loop or branch of a graph fills them in"


def cut_row(reach: Reachability, run: GraphRun, flow: Flow, source: Source) -> Row | None:
    """A row with the operation at which the way from the source ends; None if none was found."""
    found = next(graph_cuts.all_of(reach, run, flow, [run.seed(source)]), None)
    return cut_told(run, flow, source, found) if found is not None else None


def cut_told(run: GraphRun, flow: Flow, source: Source, found: GraphCut) -> Row:
    """What is said of one cut in a graph."""
    row = Row(source.name, "none")
    row.cause = detached_op.of_cut(found.run, found.flow, found.cut)
    describe(found.run, found.flow, row, found.cut)
    inside = f", inside {_shown(found.around[-1].type)}" if found.around else ""
    row.evidence = f"in the traced graph no gradient leaves {found.op.type} towards the source{inside}"
    # Structure tells this without doubt; what the operation means to the learner is a matter of its kind.
    row.confidence = 0.9
    return finish(drawn(run, flow, row, found.drawn))


def _shown(kind: str) -> str:
    return {"While": "the loop", "StatelessWhile": "the loop"}.get(kind) or (
        "the branch" if "If" in kind or "Case" in kind else "the function"
    )


def filled(row: Row) -> Row:
    """The row of a gradient that the graph returns as zeros though there is no way for one."""
    row.status = "zero"
    row.evidence = f"{row.evidence}; {FILLED}"
    return row


def unreached_row(reach: Reachability, run: GraphRun, flow: Flow, source: Source, scene: Scene) -> Row:
    """A row for a source whose values the targets do not use: it steers, or the text around the call tells why."""
    found = steering(reach, run, flow) if run.structural else None
    found = found or control_flow.explain(run, flow, source, scene, None)
    if found.cause == "unconnected" and run.structural:
        _inside(reach, run, flow, found)
    return _told(run, flow, source, found)


def _inside(reach: Reachability, run: GraphRun, flow: Flow, found: Finding) -> None:
    """Put the last use of the source in a loop, a branch or a function in front, if that is where it ends."""
    op = graph_cuts.last_use(reach, run, flow)
    if op is not None and op.stack:
        found.where = [*place_of(op), *(p for p in found.where if p not in place_of(op))]
        found.op = op.type


def unreached(reach: Reachability, run: GraphRun, flow: Flow, source: Source) -> Row:
    """The same where the graph of the called function is all that is known."""
    found = steering(reach, run, flow)
    if found is None:
        last = graph_cuts.last_use(reach, run, flow)
        evidence = "it is used here last, and nothing of that reaches the loss"
        found = Finding("unconnected", place_of(last), last.type if last else "", evidence, 0.85, last)
    return _told(run, flow, source, found)


def _told(run: GraphRun, flow: Flow, source: Source, found: Finding) -> Row:
    row = Row(source.name, "none", found.cause, found.where, found.op, found.evidence, confidence=found.confidence)
    return finish(drawn(run, flow, row, found.cut or control_flow.last_use(run, flow)))


def steering(reach: Reachability, run: GraphRun, flow: Flow) -> Finding | None:
    """A finding if the source only decides how often a loop runs, or which branch."""
    found = graph_cuts.steered(reach, run, flow)
    if found is None:
        return None
    what, op, decides = found
    where = places(graph_cuts.frames_of(decides) or op.stack)  # type: ignore[arg-type]
    words = "how often a loop runs" if what == "loop" else "which branch runs"
    cause = "loop-condition" if what == "loop" else "comparison"
    return Finding(cause, where, decides.type, f"it only decides {words}", 0.85, op)


def zero_row(reach: Reachability, run: GraphRun, flow: Flow, source: Source, seeds: list[int]) -> Row | None:
    """A row with the operation whose gradient is zero whatever its input is (tf.sign), if every way from the source
    leads through one."""
    live = reach.live(run.targets, CARRIES)
    if any(k in live for k in seeds) or not flow.reached:
        return None
    seen = graph_cuts.GraphTrace(run.trace, run.origin, [])
    strict = graph_cuts.graph_run(reach, seen, run.targets, CARRIES, run.key)
    found = next(graph_cuts.all_of(reach, strict, flow, seeds, CARRIES), None)
    if found is None or is_write(found.op):
        return None
    cut = Cut(found.op, "flat", found.cut.key)
    row = Row(source.name, "zero")
    row.cause, blamed = detached_op.of_zero(found.run, found.flow, cut)
    describe(found.run, found.flow, row, cut)
    row.evidence = f"the gradient of {blamed.type} is zero whatever its input is"
    row.confidence = 0.9
    return finish(drawn(run, flow, row, found.drawn))
