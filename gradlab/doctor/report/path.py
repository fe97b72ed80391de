"""The places of an op, the sentence about its gradient, and the path as it is shown."""

from __future__ import annotations

from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Row, Step

WRITTEN = {"ReadVariableOp", "VarHandleOp", "NoOp"}


def place_of(op: Op | None) -> list[Place]:
    """The learner's lines around an op, innermost first."""
    return places(op.stack) if op is not None else []


def describe(run: Run, flow: Flow, row: Row, cut: Cut) -> None:
    """Put the place, the op and the gradient of a cut into a row."""
    row.where, row.op = place_of(cut.op), cut.op.type
    row.norm = run.norm(cut.key) if cut.key is not None else None


def gradient_sentence(run: Run, flow: Flow, cut: Cut, what: str) -> str:
    """What is known of the gradient on both sides of a cut."""
    op = cut.op
    norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
    after = (
        f"the gradient arrives at the output of {op.type} with norm {norms[0]:.3g}"
        if norms
        else f"{op.type} has no gradient to pass on"
    )
    if cut.how == "state":
        return (
            f"the value is written into a variable by {op.type}; what is read from there later is cut off "
            f"from how it was made"
        )
    words = {
        "none": "none leaves it towards the source",
        "zero": "zero leaves it",
        "nan": "NaN leaves it",
        "inf": "infinity leaves it",
    }
    if cut.how == "cancel":
        return f"{after}; what its inputs get adds up to exactly zero"
    if cut.how == "forward":
        return f"{op.type} already gives values that are not finite in the forward pass"
    return f"{after}; {words[what]}"


def drawn(run: Run, flow: Flow, row: Row, cut: Op | None, limit: int = 24) -> Row:
    """Add the path: one step for each learner line, source first, with the norm at its last value."""
    steps: list[Step] = []
    order = flow.path or [op for op in run.trace.ops if op.index in flow.carriers]
    by_line: dict[tuple[str, int], tuple[Place, Op]] = {}
    for op in order:
        if op.stack and op.type not in WRITTEN:
            code, line = op.stack[0]
            by_line[code.co_filename, line] = (Place(code.co_filename, line, code.co_name), op)
    if cut is not None and cut.stack:
        code, line = cut.stack[0]
        by_line[code.co_filename, line] = (Place(code.co_filename, line, code.co_name), cut)
    for place, op in sorted(by_line.values(), key=lambda item: item[1].index):
        norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
        steps.append(Step(place, op.type, norms[0] if norms else None, cut is not None and op.index == cut.index))
    if len(steps) > limit:
        middle = [s for s in steps if s.cut]
        steps = (
            steps[: limit // 2]
            + [s for s in middle if s not in steps[: limit // 2] and s not in steps[-limit // 2 :]]
            + steps[-limit // 2 :]
        )
    row.path = steps
    return row
