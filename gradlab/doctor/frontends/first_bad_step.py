"""The report on a step of a training: each bad gradient is explained from the step in which it became bad first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from gradlab.doctor.recording.steps import LOSS_NOT_FINITE, Since, Step
from gradlab.doctor.recording.tape_calls import Asked
from gradlab.doctor.report.report import Diagnosis, Report
from gradlab.doctor.source_code.loops import counters

# Makes the report on a recorded call, with the rows of these sources only (None: all).
Explain = Callable[[Any, "Collection[int] | None"], Report]


def step_report(found: Any, explain: Explain) -> Report:
    """The report on a finished call. A gradient that has been bad since an earlier step is told from that step's
    record: in this one the weights that the first NaN has spoilt would be blamed."""
    step: Step | None = found.step
    if step is None:
        return explain(found, None)
    earlier = {i: s for i, s in step.since.items() if s.call is not found and _recorded(s.call)}
    count = max([*earlier, *step.since, -1]) + 1
    rest = None if not earlier else [i for i in range(max(count, step.sources)) if i not in earlier]
    report = explain(found, rest) if rest is None or rest else Report([])
    rows = dict(zip(range(len(report.rows)) if rest is None else rest, report.rows, strict=False))
    lacking = [] if rest is None else report.rows[len(rest) :]  # what the list of this call should have had
    for i, since in earlier.items():
        if since.report is None or i not in since.report:
            told = [j for j, s in earlier.items() if s.call is since.call]
            made = explain(since.call, told)
            since.report = dict(zip(told, made.rows, strict=False))
            report.notes += [n for n in made.notes if n not in report.notes]
            report.ops, report.recorder = report.ops or made.ops, report.recorder or made.recorder
            report.title = report.title or made.title
        if i in since.report:
            rows[i] = replace(since.report[i])
    report.rows = [rows[i] for i in sorted(rows)]
    for i, row in zip(sorted(rows), report.rows, strict=True):
        if i in step.since and row.is_problem:
            _dated(row, step.since[i], step.number)
    report.rows += lacking
    report.notes += _over(step, {i: r.name for i, r in rows.items()})
    return report


def _recorded(call: Any) -> bool:
    return isinstance(call.call, Asked) and call.call.record is not None


def _dated(row: Diagnosis, since: Since, steps: int) -> None:
    """Say in a row which step of how many was the first."""
    if steps > 1:
        row.step, row.steps, row.loop = since.number, steps, counters(since.frames)


def _over(step: Step, names: dict[int, str]) -> Iterator[str]:
    """Notes on gradients that were bad for some steps and are not any more."""
    losses: list[str] = []
    for i, (status, first, last) in step.past.items():
        if i in step.since or i not in names:
            continue
        word = {"none": "None", "zero": "zero"}.get(status, "NaN or infinite")
        at = f"at step {first}" if first == last else f"from step {first} to step {last}"
        if status == LOSS_NOT_FINITE:
            told = f"the loss was NaN or infinite {at} of {step.number}; it is not any more"
            if told not in losses:
                losses.append(told)
                yield told
            continue
        yield f"the gradient of {names[i]} was {word} {at} of {step.number}; it is not any more"


def reports_of(found: Any, report_on: Callable[[Any], Report]) -> list[Report]:
    """The reports on the line of a finished call: on the call itself, and on other trainings of the line that ended
    with a bad gradient. A helper may train a broken model first and then a good one."""
    report = report_on(found)
    step: Step | None = found.step
    if step is None:
        return [report]
    made = []
    for training in step.line.trainings:
        suspect = training.traced is not None and training.traced.compiled and training.traced.compiled.suspect
        if training is step.training or not (training.since or suspect):
            continue
        first = min(training.since.values(), key=lambda s: s.number).call if training.since else training.traced
        other = report_on(first)
        for i, since in training.since.items():
            if _recorded(first) and i < len(other.rows) and other.rows[i].is_problem:
                _dated(other.rows[i], since, training.calls)
        if other.problems:
            later = "" if report.problems else "; their gradients were all there"
            other.notes.append(f"this line was also run for other variables{later}")
            made.append(other)
    return made if made and not report.problems else [*made, report]
