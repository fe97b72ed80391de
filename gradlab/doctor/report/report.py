"""The answer of the doctor: rows, and how they read in a terminal, a notebook and as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.doctor.certainty import Certainty
from gradlab.doctor.report import html
from gradlab.doctor.report.diagnosis import SEVERITY, Row, Step
from gradlab.lab.reading import Kind

__all__ = ["Report", "Row", "Step"]


@dataclass
class Report:
    """The answer of `gradlab.explain`."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    recorder: str = ""
    seconds: float = 0.0
    ops: int = 0
    title: str = ""  # which call this is about, where that is not plain
    returned: Any = None  # explain_call: what the code returned
    raised: BaseException | None = None  # explain_call: what it raised

    @property
    def problems(self) -> list[Row]:
        """Rows that are not ok, worst first; gradients absent by design come after the others of their kind."""
        bad = [r for r in self.rows if r.status is not Kind.OK or r.cause]
        return sorted(bad, key=lambda r: (r.by_design, SEVERITY.index(r.status)))

    def row(self, name: str) -> Row:
        """The row of a source. LookupError names the sources there are."""
        for r in self.rows:
            if r.name == name:
                return r
        raise LookupError(
            f"no source {name!r} in this report; the sources are {', '.join(repr(r.name) for r in self.rows)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "rows": [r.to_dict() for r in self.rows],
            "problems": [r.name for r in self.problems],
            "notes": list(self.notes),
            "recorder": self.recorder,
            "seconds": self.seconds,
            "ops": self.ops,
        }

    def __repr__(self) -> str:
        width = max([len(r.name) for r in self.rows], default=0)
        bad = len(self.problems)
        what = f"gradlab.explain, {self.title}" if self.title else "gradlab.explain"
        title = (
            f"{what}: every source has its gradient"
            if not bad
            else f"{what}: {html.count_of_problems(bad, len(self.rows))}"
        )
        lines = [title]
        ordered = self.problems + [r for r in self.rows if r.status is Kind.OK and not r.cause]
        for r in ordered:
            head = f"  {r.name:<{width}}  {r.status.mark:>3}  {r.words}"
            if r.status is Kind.OK and r.norm is not None:
                head += f" (norm {r.norm:.3g})"
            if r.cause:
                head += f"; cause: {r.cause}" + (", by design here" if r.by_design else "")
            lines.append(head)
            pad = "  " + " " * width + "       "
            for p in r.where[:1]:
                lines.append(f"{pad}{p.shown}")
                if p.code:
                    lines.append(f"{pad}  > {p.code}")
            if r.message:
                lines.append(f"{pad}{r.message}")
            if r.evidence:
                lines.append(f"{pad}evidence: {r.evidence}")
            if r.fix:
                lines.append(f"{pad}fix: {r.fix}")
            if r.status is not Kind.OK and r.certainty is not Certainty.CERTAIN:
                lines.append(f"{pad}this cause is {r.certainty}, not certain")
        lines += [f"  note: {n}" for n in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html.page(
            self.problems,
            [r for r in self.rows if r.status is Kind.OK and not r.cause],
            title=self.title,
            notes=self.notes,
            footer=f"{self.ops} ops recorded with {self.recorder}, {self.seconds:.1f} s",
        )
