"""What line gradients are, as plain data: no TensorFlow, no drawing.

- `Line`: one line of the learner's code with its visits and marks.
- `LineGradients`: all lines of one question to a tape, `.to_dict()`, and how it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradlab.lines.parts import MOST, WORDS, Arrow, Cut, Question, SourceKind, Visit

VERSION = 1


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
class LineGradients:
    """The lines of one question to a tape, with the gradient of the target in their margin.

    Made by `gradlab.line_gradients`, `gradlab.lines.of_scenario`, `gradlab annotate` and `%%annotate`.

    >>> from gradlab.lines import of_scenario
    >>> found = of_scenario("integer_cast", bug=True)
    >>> [(source.name, source.kind) for source in found.sources][0]
    ('kernel', 'none')
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

        Takes the rows of a report (`report.rows`) or a dict of source names to `gradlab.lab.blamed_line.BlamedLine`. Returns
        itself. A place that is not among the lines is left out.
        """
        found: list[tuple[str, str | None, int, str, str]] = []
        if isinstance(cuts, Mapping):
            found = [(n, None, c.number, c.cause, c.words) for n, c in cuts.items()]
        else:
            from gradlab.doctor.rules import causes

            known = causes()
            for row in cuts:
                if row.where and row.cause and str(row.status) not in ("ok", "missing", "empty"):
                    place = row.where[0]
                    what = known[row.cause].what if row.cause in known else row.cause
                    found.append((row.name, place.file, place.line, row.cause, row.message if row.by_design else what))
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
