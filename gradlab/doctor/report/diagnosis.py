"""What is said of one source: its status, the cause, the places, and the path to the loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.doctor.recording.frames import Place

# Worst first. `ok` is no problem.
SEVERITY = ("raises", "nan", "inf", "empty", "missing", "none", "zero", "partial", "ok")
WORDS = {
    "ok": "gradient flows",
    "none": "no gradient (None)",
    "zero": "gradient is exactly zero",
    "nan": "gradient is not a number (NaN)",
    "inf": "gradient is infinite",
    "partial": "gradient is incomplete or wrong",
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
    said: str = ""  # in place of the usual words for the status

    @property
    def words(self) -> str:
        """The status in words."""
        return self.said or WORDS[self.status]

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
