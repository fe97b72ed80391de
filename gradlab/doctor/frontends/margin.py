"""The line gradients that a report of `explain` shows: the same object as `gradlab.line_gradients` gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradlab.doctor.recording.hooks import unrecorded
from gradlab.doctor.report.report import Report

if TYPE_CHECKING:
    from gradlab.lines.model import LineGradients

# Of two norms of one gradient in float32, one by each recorder. A training step in between moves it by far more.
SAME = 1e-3


def margin(fn: Any, sources: Any, watch: Any, report: Report) -> LineGradients:
    """Run the code once more for its line gradients, and mark the lines that the report blames.

    The report may be older than the values that the code reads now. Where a gradient is another one than the report
    says, a note tells so.
    """
    from gradlab.lines.api import line_gradients  # which itself asks the doctor

    with unrecorded():
        found = line_gradients(fn, sources, watch=watch, cut=False).mark_cuts(report.rows)
    rows = {row.name: row for row in report.rows}
    other = [s.name for s in found.sources if s.name in rows and _differs(rows[s.name].norm, s.norm)]
    if other:
        found.notes.append(
            f"this run gave another gradient than the report for {', '.join(other)}: values have changed since, or the code "
            "draws random numbers"
        )
    return found


def _differs(before: float | None, now: float | None) -> bool:
    if before is None or now is None or not (math.isfinite(before) and math.isfinite(now)):
        return False  # None, NaN and infinite have words of their own in both
    return not math.isclose(before, now, rel_tol=SAME, abs_tol=1e-12)
