"""What is said of one source: its status, the cause, the places, and the path to the loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.doctor.certainty import Certainty
from gradlab.doctor.recording.frames import Place
from gradlab.lab.reading import Kind

# Worst first: what stops a program, then what spoils every weight at the next step, then what leaves weights as they
# are, then what moves them the wrong way. OK is no problem.
SEVERITY = (
    Kind.RAISES, Kind.NOT_FINITE, Kind.EMPTY, Kind.MISSING, Kind.NONE, Kind.ZERO, Kind.WRONG, Kind.OK,
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One line of the user's on the way from the source to the loss, with the norm of d loss / d (its last value)."""

    place: Place
    op: str
    norm: float | None
    cut: bool = False


@dataclass
class Diagnosis:
    """What was found for one source.

    `status` is the kind of gradient that a plain tf.GradientTape gives (`Kind.WRONG`: a finite difference contradicts
    it). `cause` is a label (`what` the same in words), or None where nothing is wrong or nothing was found; `where` the places with the cut first;
    `evidence` a sentence with numbers; `step` of `steps` the first one of a training in which the gradient was like this; `fix` one line; `certainty` what `gradlab.doctor.certainty` says of the proofs.
    """

    name: str
    status: Kind
    cause: str | None = None
    where: list[Place] = field(default_factory=list)
    op: str = ""
    evidence: str = ""
    fix: str | None = None
    certainty: Certainty = Certainty.CERTAIN
    by_design: bool = False
    harmless: bool = False  # by design, and nothing to do whatever is meant: shown, and no problem
    norm: float | None = None
    path: list[Step] = field(default_factory=list)
    message: str = ""
    status_text: str = ""  # in place of the usual words for the status
    step: int | None = None  # of a training in a loop: the first step in which the gradient was like this
    steps: int | None = None  # the number of the last step
    loop: dict[str, Any] = field(default_factory=dict)  # counters of the loops at the first step: epoch, batch
    what: str = ""  # the cause in a few words
    unseen: bool = False  # there is a gradient, in a graph that shows no values: it may be zero or NaN

    @property
    def words(self) -> str:
        """The status in words, and since when."""
        said = self.status_text or self.status.word
        if self.step is None:
            return said
        at = f" ({', '.join(f'{name} = {value!r}' for name, value in self.loop.items())})" if self.loop else ""
        return f"{said}, first at step {self.step} of {self.steps}{at}"

    @property
    def reason(self) -> str:
        """The cause in words, with its label in brackets; empty without one."""
        return f"{self.what} [{self.cause}]" if self.cause and self.what else self.cause or ""

    @property
    def is_explained(self) -> bool:
        """Has the row more to say than that a gradient is there? One that is there may explode."""
        return self.status is not Kind.OK or bool(self.cause or self.fix)

    @property
    def is_problem(self) -> bool:
        """Is there something to look at? What is harmless is explained, and no problem."""
        return self.is_explained and not self.harmless

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "name": self.name,
            "status": self.status.value,
            "cause": self.cause,
            "what": self.what,
            "where": [p.to_dict() for p in self.where],
            "op": self.op,
            "evidence": self.evidence,
            "fix": self.fix,
            "certainty": self.certainty.value,
            "by_design": self.by_design,
            "harmless": self.harmless,
            "norm": self.norm,
            "message": self.message,
            "said": self.words,
            "step": self.step,
            "steps": self.steps,
            "loop": dict(self.loop),
            "path": [{**s.place.to_dict(), "op": s.op, "norm": s.norm, "cut": s.cut} for s in self.path],
        }
