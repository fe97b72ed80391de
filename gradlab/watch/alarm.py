"""What a rule says: an `Alarm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Alarm:
    """One thing that is wrong with a training.

    Attributes
    ----------
    rule
        Its short name, as in `stop_on`: "nan", "none", "unseen", "zero", "dead", "exploding", "update", "imbalance".
    step
        The step at which it began.
    seen
        The step at which it was certain enough to be said.
    variables
        The names of the variables that it is about; the one where it began comes first.
    words
        A sentence.
    reason
        The threshold, and why it is that.
    report
        What the doctor says of it, where it was asked.
    """

    rule: str
    step: int
    seen: int
    variables: tuple[str, ...]
    words: str
    reason: str = ""
    report: Any = None

    def lines(self) -> list[str]:
        """The alarm in lines of text, with the doctor's report below."""
        out = [f"step {self.step}: {self.words}"]
        if self.report is not None:
            out += ["  " + line for line in repr(self.report).splitlines()]
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        report = self.report.to_dict() if hasattr(self.report, "to_dict") else None
        return {
            "rule": self.rule,
            "step": self.step,
            "seen": self.seen,
            "variables": list(self.variables),
            "words": self.words,
            "reason": self.reason,
            "report": report,
        }
