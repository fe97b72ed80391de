"""Rows for gradients that are there and worth nothing: zero, NaN, infinity."""

from __future__ import annotations

from gradlab.doctor.analysis import cuts, zero_cuts
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import describe, drawn, gradient_sentence, place_of
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import control_flow, detached_op, graphs, leaving
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.rules.raised import python_op
from gradlab.doctor.source_code.scope import Scene

# Ops that hand on a part of what they get: a zero behind them says that this part is not used.
_PARTS = {
    "Pack", "Unpack", "ConcatV2", "StridedSlice", "Slice", "Split", "SplitV", "GatherV2", "GatherNd", "TensorListStack",
    "TensorListGetItem", "Transpose", "Reshape", "ReverseV2",
}  # fmt: skip
_SEVERED = {"stop-gradient", "state-assign", "py-function", "numpy-conversion", "custom-gradient"}


def _severed(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """The cut on the path that the loss does use, where what is left of the source is a part that it does not use."""
    for cut in cuts.cuts(run, flow):
        label = detached_op.of_cut(run, flow, cut)
        if label in _SEVERED:
            evidence = gradient_sentence(run, flow, cut, "none")
            return Finding(label, place_of(cut.op), cut.op.type, evidence, 0.75, cut.op)
    return leaving.find(run, flow, source, scene)


def zero_row(run: Run, source: Source, scene: Scene, again: control_flow.Again | None = None) -> Row:
    """A row for a gradient of zeros."""
    row = Row(source.name, "zero", norm=0.0)
    flow = run.between(source)
    if run.kind(run.seed(source)) == "ok" and run.trace.calls:
        return graphs.mode_row(run, flow, source, "zero", control_flow.last_use(run, flow))
    cut = _python_zero(flow) if run.error is not None else None
    cut = cut or zero_cuts.where_zero(run, flow, run.seed(source)) or _python_zero(flow)
    other = None
    if cut is None and not flow.reached:
        other = control_flow.explain(run, flow, source, scene, again)
    elif cut is not None and cut.how == "flat" and cut.op.type in _PARTS:
        other = _severed(run, flow, source, scene)
    if other is not None:
        row.cause, row.where, row.op = other.cause, other.where, other.op
        row.evidence, row.confidence = other.evidence, min(other.confidence, 0.75)
        return finish(drawn(run, flow, row, other.cut))
    if cut is None:
        row.cause, row.evidence, row.confidence = "zero-saturated", "every step passes on zero", 0.3
        row.where = place_of(control_flow.last_use(run, flow))
        return finish(row)
    row.cause, blamed = detached_op.of_zero(run, flow, cut)
    row.where, row.op = place_of(blamed), blamed.type
    if blamed is not cut.op:
        row.where += [p for p in place_of(cut.op) if p not in row.where]
    row.evidence = gradient_sentence(run, flow, cut, "zero")
    row.confidence = 0.8
    return finish(drawn(run, flow, row, blamed))


def _python_zero(flow: Flow) -> Cut | None:
    op = python_op(flow)
    return Cut(op, "flat", flow.carriers[op.index][0]) if op is not None else None


def not_finite_row(run: Run, source: Source, status: str) -> Row:
    """A row for a NaN or infinite gradient."""
    row = Row(source.name, status)
    flow = run.between(source)
    cut = cuts.where_not_finite(run, flow)
    if cut is None:
        row.evidence, row.confidence = "the place was not found", 0.2
        row.where = place_of(control_flow.last_use(run, flow))
        row.cause = "nan-forward"
        return finish(row)
    row.cause = detached_op.of_not_finite(run, flow, cut)
    describe(run, flow, row, cut)
    row.evidence = gradient_sentence(run, flow, cut, status)
    row.confidence = 0.85
    return finish(drawn(run, flow, row, cut.op))
