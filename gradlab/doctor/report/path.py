"""The path from a source to the loss as it is shown: one step for each line of the user's."""

from __future__ import annotations

from dataclasses import replace

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.op_types import NOT_SHOWN
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Step

MAX_STEPS = 24  # lines shown of a path: about one screen; of a longer one the first and last half


def path_through(run: Run, flow: Flow, blamed: Op | None) -> list[Step]:
    """One step for each line, source first, with the norm of the gradient at its last value. `blamed` is marked."""
    ops = flow.path or [op for op in run.trace.ops if op.index in flow.carriers]
    by_line: dict[tuple[str, int], tuple[Place, Op]] = {}
    for op in (*ops, *([blamed] if blamed is not None else [])):
        if op.stack and (op is blamed or op.type not in NOT_SHOWN):
            code, line = op.stack[0]
            by_line[code.co_filename, line] = (Place(code.co_filename, line, code.co_name), op)
    steps: list[Step] = []
    for place, op in sorted(by_line.values(), key=lambda item: item[1].index):
        norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
        steps.append(Step(place, op.type, norms[0] if norms else None, blamed is not None and op.index == blamed.index))
    if len(steps) <= MAX_STEPS:
        return steps
    half = MAX_STEPS // 2
    marked = [s for s in steps[half:-half] if s.cut]
    return [*steps[:half], *marked, *steps[-half:]]


def cut_at(steps: list[Step], place: Place, op: str) -> list[Step]:
    """The same steps with the mark at the line that the row names, so that the picture and the row tell one story.

    The op that stops the gradient may stand in a later line: a number that left TensorFlow comes back there.
    """
    marked = next((n for n, s in enumerate(steps) if s.cut), None)
    if marked is None:
        return steps
    here = (place.file, place.line)
    at = next((n for n, s in enumerate(steps) if (s.place.file, s.place.line) == here), None)
    plain = [replace(s, cut=False) for s in steps]
    if at is None:
        return [*plain[:marked], Step(place, op, None, True), *plain[marked:]]
    plain[at] = replace(plain[at], cut=True)
    return plain
