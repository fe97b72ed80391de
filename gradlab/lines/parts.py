"""The parts of line gradients, as plain data: a visit, a cut, an arrow, a source, a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What a visit's gradient can be. Drawn and worded differently, never by colour alone.
WORDS = {
    "ok": "a gradient arrives",
    "zero": "exactly zero",
    "none": "None: no path from this value to the target",
    "outside": "made while the tape did not record",
    "unused": "no op uses this value",
    "nan": "not a number (NaN)",
    "inf": "infinite",
    "ran": "ran; no gradient was asked for, or none can be told",
    "": "made no value that has a gradient",
}

MAX_TEXT = 400  # characters of a line that are kept: more than a screen is wide; files with lines of 200,000 exist
MOST = 400  # visits of a line that `to_dict` gives one by one: a margin has room for fewer cells


@dataclass
class Visit:
    """One time that a line ran.

    `norm` is the Euclidean norm over all values that the line made and something outside of it uses, of
    d target / d value; None unless `kind` is ok, zero, nan or inf. `n` counts the visits of the line from 0, `loop` has
    the turn of each loop around it, outermost first. `host`: the value came from Python or NumPy, not from an op.
    """

    id: int
    n: int
    kind: str
    norm: float | None = None
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    op: str = ""
    host: bool = False
    parent: int | None = None
    activation: int = 0
    loop: tuple[int, ...] = ()

    def words(self) -> str:
        """The visit in one sentence."""
        at = f"visit {self.n + 1}" + (f", loop turn {', '.join(str(t + 1) for t in self.loop)}" if self.loop else "")
        size = f"norm {self.norm:.3g}" if self.kind == "ok" and self.norm is not None else WORDS[self.kind]
        shape = " and ".join("×".join(map(str, s)) or "scalar" for s in self.shapes)
        return f"{at}: {size}" + (f", shape {shape}" if shape else "") + (", value from Python" if self.host else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; NaN and infinite norms are None, the kind says which."""
        return {
            "id": self.id,
            "n": self.n,
            "kind": self.kind,
            "norm": self.norm if self.kind in ("ok", "zero") else None,
            "shapes": [list(s) for s in self.shapes],
            "op": self.op,
            "host": self.host,
            "parent": self.parent,
            "activation": self.activation,
            "loop": list(self.loop),
        }


@dataclass(frozen=True)
class Cut:
    """Where the doctor found the end of the path from a source. `cause` is its label, `words` what it means."""

    source: str
    cause: str = ""
    words: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain data."""
        return {"source": self.source, "cause": self.cause, "words": self.words}


@dataclass(frozen=True)
class Arrow:
    """A value that was made outside the tape (`why` "outside") or by Python ("host") and used inside it, on another
    line."""

    file: str
    line: int
    visit: int | None
    to_file: str
    to_line: int
    to_visit: int | None
    why: str
    shape: tuple[int, ...] = ()

    def to_dict(self, files: list[str]) -> dict[str, Any]:
        """Plain data."""
        return {
            "from": {"file": files.index(self.file), "line": self.line, "visit": self.visit},
            "to": {"file": files.index(self.to_file), "line": self.to_line, "visit": self.to_visit},
            "why": self.why,
            "shape": list(self.shape),
        }


@dataclass
class SourceKind:
    """A source of the question with the kind of its gradient: ok, zero, none, nan, inf, missing or raises."""

    name: str
    kind: str
    norm: float | None = None
    shape: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        norm = self.norm if self.kind in ("ok", "zero") else None
        return {"name": self.name, "kind": self.kind, "norm": norm, "shape": list(self.shape)}


@dataclass
class Question:
    """One question to a tape: `what` is gradient, jacobian or batch_jacobian, or "" where no tape was asked.

    `measure` says what the norms are of: "gradient" of a scalar, "jacobian" (all rows of a target that is no scalar), or
    "sum" (the gradient of the sum of the target, as `tape.gradient` gives it).
    """

    what: str
    file: str
    line: int
    target: tuple[int, ...] = ()
    measure: str = "gradient"
    tape: int = 0

    def to_dict(self, files: list[str]) -> dict[str, Any]:
        """Plain data."""
        file = files.index(self.file) if self.file in files else None
        return {
            "what": self.what,
            "file": file,
            "line": self.line,
            "target": list(self.target),
            "measure": self.measure,
            "tape": self.tape,
        }
