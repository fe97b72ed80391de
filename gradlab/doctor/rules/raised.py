"""Rows for gradient calls that raised."""

from __future__ import annotations

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import place_of
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import detached_op


def python_op(flow: Flow) -> Op | None:
    """The op nearest the loss that runs a Python function."""
    return next((op for op in reversed(flow.path) if op.type in detached_op.PYTHON), None)


def raises_row(run: Run | None, source: Source, error: BaseException, where: list[Place]) -> Row:
    """A row for a gradient call that raised."""
    row = Row(
        source.name, "raises", message=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    )
    flow = run.between(source) if run is not None else None
    label, op, kind = detached_op.raised_by(run, flow, error)
    row.op = kind
    row.cause = label or refusal(error)
    inner = python_op(flow) if row.cause == "api-misuse" and flow is not None else None
    if inner is not None and not where:
        # Nothing of the learner's raised it: going back through the Python function did.
        row.cause, op, row.op = "py-function", inner, inner.type
    row.where = place_of(op) or where
    row.evidence = "the gradient call raised this"
    row.confidence = 0.9 if label else 0.6
    return finish(row)


def refusal(error: BaseException) -> str:
    """The label of an exception that is not about an op without gradient."""
    text = str(error)
    if (
        "custom_gradient" in text
        or "@custom_gradient" in text
        or "grad_fn" in text
        or "keyword argument 'variables'" in text
    ):
        return "custom-gradient"
    if "IndexedSlices" in text:
        return "indexed-slices"
    if "Tape is" in text or "tape is" in text:
        return "tape-misuse"
    if isinstance(error, RuntimeError) and (
        "persistent" in text
        or "non-persistent" in text
        or "already recording" in text
        or "not recording" in text
        or "active" in text
    ):
        return "tape-misuse"
    return "api-misuse"
