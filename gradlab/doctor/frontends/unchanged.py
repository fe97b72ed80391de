"""The report on a call that `fit` traced, where some weights are the same after the training as before."""

from __future__ import annotations

from typing import Any

from gradlab.doctor.recording.contents import checksums
from gradlab.doctor.recording.traced_tape import TracedCall
from gradlab.doctor.report.report import Report
from gradlab.lab.reading import Kind

SAID = "a gradient is there, and the weight has not changed"
FIX = (
    "see the values: gradlab.explain(model, x, y) with one batch explains this step, compile(run_eagerly=True) the whole "
    "fit, and gradlab.Watch shows the norms while fit runs"
)


def _numbers(source: Any) -> int:
    return int(source.shape.num_elements() or 0)


def unchanged(call: TracedCall, static: Report) -> tuple[list[int], list[int]]:
    """The numbers of the sources that were moved since the step was traced; and of those that hold bit by bit what they
    held then, though the graph has a gradient for them."""
    now = checksums(call.own_sources) if call.contents else {}
    same = [i for i, checksum in call.contents.items() if now.get(i) == checksum]
    there = [i for i in same if i < len(static.rows) and static.rows[i].status is Kind.OK]
    return [i for i in call.contents if i not in same], there


def tell(call: TracedCall, report: Report, moved: list[int], same: list[int]) -> None:
    """Say so in the rows of these weights, if others of the same list were moved: so the optimizer did run."""
    others = len(moved)
    if not others:
        return
    for i in same:
        row = report.rows[i]
        row.status_text = SAID
        # The last bias of a critic has a gradient of zero by design: of one number it is told, and called no problem.
        row.fix = FIX if _numbers(call.own_sources[i]) > 1 else None
        row.evidence = (
            f"it holds the same numbers as before the first step, and {others} other weight{'s' * (others > 1)} of the "
            f"list {'were' if others > 1 else 'was'} moved: its gradient was zero, or too small for its type, in every step"
        )
