"""What line gradients are, as plain data: no TensorFlow, no drawing.

- `Visit`: one time that a line ran, with the norm of d loss / d (the value that it made then).
- `Line`: one line of the learner's code with its visits and marks.
- `LineGradients`: all lines of one question to a tape, `.to_dict()`, and how it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
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
MARKS = {
    "ok": "█",
    "zero": "0",
    "none": "∅",
    "outside": "┄",
    "unused": "·",
    "nan": "✗",
    "inf": "∞",
    "ran": "○",
    "": " ",
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
class Line:
    """One line of the learner's code.

    `bracket` is in, out or part (of its visits, or of what it calls, recorded by the tape). `reads` has the sources that
    the line reads, each with the kind of its gradient. `missing` has the variables that the loss depends on and that the
    list which this line takes lacks. `way` has the sources whose path to the target runs through the line.
    A line that continues a statement has no visits; `statement` says where the statement begins.
    """

    file: str
    number: int
    last: int
    text: str
    function: str
    bracket: str = "out"
    statement: int = 0
    reads: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    way: list[str] = field(default_factory=list)
    ran: int = 0
    visits: list[Visit] = field(default_factory=list)
    strips: dict[int, list[tuple[str, float | None]]] = field(default_factory=dict)
    cut: list[Cut] = field(default_factory=list)
    raised: str = ""
    asks: bool = False  # the question stands on this line

    @property
    def tells(self) -> bool:
        """Does the line carry anything besides its text?"""
        return bool(self.visits or self.reads or self.missing or self.cut or self.raised)

    def words(self) -> str:
        """What stands in the margin of this line, in words."""
        parts = []
        kinds: dict[str, list[Visit]] = {}
        for v in self.visits:
            kinds.setdefault(v.kind, []).append(v)
        for kind, found in kinds.items():
            if not kind:
                continue
            sizes = [v.norm for v in found if v.norm is not None]
            size = f", norm {span(sizes)}" if kind == "ok" and sizes else ""
            parts.append(f"{len(found)} × {WORDS[kind]}{size}" if len(self.visits) > 1 else f"{WORDS[kind]}{size}")
        parts += [f"reads {name}: {kind}" for name, kind in self.reads]
        if self.missing:
            parts.append(f"the list lacks {', '.join(self.missing)}")
        parts += [f"cuts the path from {c.source}" + (f": {c.words}" if c.words else "") for c in self.cut]
        if self.raised:
            parts.append(f"raised {self.raised}")
        tape = {"in": "inside the tape", "part": "partly inside the tape", "out": "outside the tape"}[self.bracket]
        return f"line {self.number}, {tape}" + (": " + "; ".join(parts) if parts else "")

    def to_dict(self, files: list[str], most: int = MOST) -> dict[str, Any]:
        """Plain data. More than `most` visits are given as spans (see `gradlab.lines.strip`)."""
        from gradlab.lines.strip import spans

        many = len(self.visits) > most
        return {
            "file": files.index(self.file),
            "number": self.number,
            "last": self.last,
            "statement": self.statement or self.number,
            "text": self.text,
            "function": self.function,
            "bracket": self.bracket,
            "reads": [{"source": name, "kind": kind} for name, kind in self.reads],
            "missing": list(self.missing),
            "way": list(self.way),
            "ran": self.ran,
            "visits": [s.to_dict() for s in spans(self.visits, most)] if many else [v.to_dict() for v in self.visits],
            "strips": [
                {"ask": ask, "cells": [[kind, norm if kind in ("ok", "zero") else None] for kind, norm in cells]}
                for ask, cells in self.strips.items()
            ],
            "cut": [c.to_dict() for c in self.cut],
            "raised": self.raised or None,
            "asks": self.asks,
            "words": self.words(),
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


@dataclass
class LineGradients:
    """The lines of one question to a tape, with the gradient of the target in their margin.

    Made by `gradlab.line_gradients`, `gradlab.lines.of_scenario`, `gradlab annotate` and `%%annotate`.
    """

    file: str
    lines: list[Line]
    sources: list[SourceKind] = field(default_factory=list)
    source: str | None = None  # the chosen source
    asks: list[Question] = field(default_factory=list)
    ask: int = 0  # which of them this is about
    tapes: int = 0  # how many the learner's code made
    tape: int = 0  # which of them was asked, counted from 1; 0: none, or a tape of ours around the loss function
    arrows: list[Arrow] = field(default_factory=list)
    raised: tuple[str, int, str] | None = None  # file, line, exception in words
    rule: str = "line events"
    mode: str = ""  # what ran: "" the code as it stands, else in words
    notes: list[str] = field(default_factory=list)
    title: str = ""
    error: BaseException | None = None
    result: Any = None  # what the code returned

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def files(self) -> list[str]:
        """The files of the lines, the main one first."""
        names = [self.file, *(line.file for line in self.lines), *(q.file for q in self.asks if q.file)]
        names += [f for a in self.arrows for f in (a.file, a.to_file)] + ([self.raised[0]] if self.raised else [])
        return list(dict.fromkeys(n for n in names if n)) or [""]

    @property
    def scale(self) -> tuple[int, int]:
        """Powers of ten (lowest, highest) around all norms that are neither zero nor infinite."""
        sizes = [math.log10(v.norm) for line in self.lines for v in line.visits if v.kind == "ok" and v.norm]
        sizes += [math.log10(n) for line in self.lines for c in line.strips.values() for k, n in c if k == "ok" and n]
        if not sizes:
            return (-1, 0)
        low, high = math.floor(min(sizes)), math.ceil(max(sizes))
        return (low, max(high, low + 1))

    @property
    def missing(self) -> list[str]:
        """Variables that the target depends on and that the list which was asked for lacks."""
        return [s.name for s in self.sources if s.kind == "missing"]

    def line(self, number: int, file: str | None = None) -> Line:
        """The line of that number. LookupError names the lines there are."""
        for found in self.lines:
            if found.number == number and (file is None or found.file == file):
                return found
        known = ", ".join(str(x.number) for x in self.lines[:40])
        raise LookupError(f"no line {number} in these line gradients; there are {known or 'none'}")

    def chosen(self, source: str | None) -> LineGradients:
        """The same with another source chosen (None: no source). LookupError names the sources there are."""
        if source is not None and source not in [s.name for s in self.sources]:
            known = ", ".join(repr(s.name) for s in self.sources)
            raise LookupError(f"no source {source!r} in these line gradients; there are {known or 'none'}")
        self.source = source
        return self

    def mark_cuts(self, cuts: Mapping[str, Any] | list[Any]) -> LineGradients:
        """Mark the lines that cut a path, as the doctor found them.

        Takes the rows of a report (`report.rows`) or a dict of source names to `gradlab.lab.blamed_line.Cut`. Returns
        itself. A place that is not among the lines is left out.
        """
        found: list[tuple[str, str | None, int, str, str]] = []
        if isinstance(cuts, Mapping):
            found = [(n, None, c.number, c.cause, c.words) for n, c in cuts.items()]
        else:
            from gradlab.doctor.report.wording import CAUSES

            for row in cuts:
                if row.where and row.status not in ("ok", "missing", "empty") and row.cause:
                    place = row.where[0]
                    words = row.message if row.by_design else CAUSES.get(row.cause, row.cause)
                    found.append((row.name, place.file, place.line, row.cause, words))
        for name, file, number, cause, words in found:
            at = [x for x in self.lines if x.number == number and x.file == (file or self.file)]
            for line in at[:1]:
                start = next((x for x in self.lines if x.file == line.file and x.number == line.statement), line)
                start.cut = [c for c in start.cut if c.source != name] + [Cut(name, cause, words)]
        return self

    # --- showing ------------------------------------------------------------------------------------------------------

    def to_dict(self, most: int = MOST) -> dict[str, Any]:
        """Plain data, ready for JSON. The fields are described in docs/line_gradients.md."""
        files = self.files
        low, high = self.scale
        return {
            "version": VERSION,
            "title": self.title,
            "file": 0,
            "files": files,
            "source": self.source,
            "sources": [s.to_dict() for s in self.sources],
            "missing": self.missing,
            "tapes": self.tapes,
            "tape": self.tape,
            "asks": [q.to_dict(files) for q in self.asks],
            "ask": self.ask,
            "scale": {"lo": low, "hi": high},
            "arrows": [a.to_dict(files) for a in self.arrows],
            "raised": {"file": files.index(self.raised[0]), "line": self.raised[1], "message": self.raised[2]}
            if self.raised
            else None,
            "rule": self.rule,
            "mode": self.mode,
            "notes": list(self.notes),
            "lines": [line.to_dict(files, most) for line in self.lines],
        }

    def __repr__(self) -> str:
        from gradlab.lines.text import plain

        return plain(self)

    def text(self, **options: Any) -> str:
        """The code with its margin as text; `options` are those of `gradlab.lines.text.render`."""
        from gradlab.lines.text import render

        return render(self, **options)

    def html(self) -> str:
        """The code with its margin as one element of a web page that needs no network and no script."""
        from gradlab.lines.page import element

        return element(self)

    def _repr_html_(self) -> str:
        return self.html()

    def picture(self, **options: Any) -> Any:
        """The code with its margin as a PNG with its alternative text (matplotlib); see `gradlab.lines.picture`."""
        from gradlab.lines.picture import picture

        return picture([self], **options)


def span(sizes: list[float]) -> str:
    """A range of norms in two digits."""
    low, high = min(sizes), max(sizes)
    a, b = f"{low:.1e}", f"{high:.1e}"
    return a if a == b else f"{a} to {b}"
