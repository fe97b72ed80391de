"""What the doctor answers: rows, the path from source to loss, and how they read in a terminal, a notebook and as
data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.doctor.frames import Place

# Worst first. `ok` is no problem.
SEVERITY = ("raises", "nan", "inf", "empty", "missing", "none", "zero", "partial", "ok")
WORDS = {
    "ok": "gradient flows",
    "none": "no gradient (None)",
    "zero": "gradient is exactly zero",
    "nan": "gradient is not a number (NaN)",
    "inf": "gradient is infinite",
    "partial": "gradient is incomplete",
    "raises": "the gradient call raised",
    "missing": "not in the list",
    "empty": "the list is empty",
}
MARKS = {
    "ok": "✓",
    "none": "∅",
    "zero": "0",
    "nan": "NaN",
    "inf": "∞",
    "partial": "◐",
    "raises": "!",
    "missing": "–",
    "empty": "[]",
}


@dataclass(frozen=True)
class Step:
    """One learner line on the way from the source to the loss, with the norm of d loss / d (its last value)."""

    place: Place
    op: str
    norm: float | None
    cut: bool = False


@dataclass
class Row:
    """What was found for one source.

    `status` is what a plain tf.GradientTape gives (`partial`: an `ok` that a finite difference contradicts). `cause`
    is a label of the
    vocabulary or None, `where` the places with the cut first, `evidence` a sentence with numbers, `fix` one line.
    """

    name: str
    status: str
    cause: str | None = None
    where: list[Place] = field(default_factory=list)
    op: str = ""
    evidence: str = ""
    fix: str | None = None
    confidence: float = 1.0
    by_design: bool = False
    norm: float | None = None
    path: list[Step] = field(default_factory=list)
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "name": self.name,
            "status": self.status,
            "cause": self.cause,
            "where": [p.to_dict() for p in self.where],
            "op": self.op,
            "evidence": self.evidence,
            "fix": self.fix,
            "confidence": self.confidence,
            "by_design": self.by_design,
            "norm": self.norm,
            "message": self.message,
            "path": [{**s.place.to_dict(), "op": s.op, "norm": s.norm, "cut": s.cut} for s in self.path],
        }


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
        bad = [r for r in self.rows if r.status != "ok" or r.cause]
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
        title = f"{what}: every source has its gradient" if not bad else f"{what}: {bad} of {len(self.rows)} to look at"
        lines = [title]
        ordered = self.problems + [r for r in self.rows if r.status == "ok" and not r.cause]
        for r in ordered:
            head = f"  {r.name:<{width}}  {MARKS[r.status]:>3}  {WORDS[r.status]}"
            if r.status == "ok" and r.norm is not None:
                head += f" (norm {r.norm:.3g})"
            if r.cause:
                head += f": {r.cause}" + (", by design here" if r.by_design else "")
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
            if r.status != "ok" and r.confidence < 0.6:
                lines.append(f"{pad}(not certain)")
        lines += [f"  note: {n}" for n in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from gradlab.doctor.html import page

        return page(self)
