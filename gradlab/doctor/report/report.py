"""The answer of the doctor: rows, and how they read in a terminal, a notebook and as data."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gradlab.doctor.certainty import Certainty
from gradlab.doctor.report import html
from gradlab.doctor.report.diagnosis import SEVERITY, Diagnosis, Step
from gradlab.doctor.report.groups import groups, names, title
from gradlab.lab.reading import Kind
from gradlab.runtime.exceptions import sentence

__all__ = ["Diagnosis", "Report", "Step"]
PAGE = 120  # characters of a line of names, indent and all
LONG = 5.0  # seconds from which a page says how long its report took: below, nobody asks, and no two runs agree
CHEAP = 1.0  # seconds of one run up to which showing a report may run the code once more for its line gradients


class Lines(Protocol):
    """What a report asks of line gradients (`gradlab.LineGradients`), which are made elsewhere."""

    lines: list[Any]

    def to_dict(self) -> dict[str, Any]: ...

    def html(self) -> str: ...

    def text(self) -> str: ...


@dataclass
class Report:
    """The answer of `gradlab.explain`, of a tape and of the command: printed as text, shown as HTML, or taken as data.

    What you can do with it: `report.problems` has the rows that are not ok, worst first; `report.row("w")` is one of them;
    `report.to_dict()` is ready for JSON.

    Examples
    --------
    >>> from gradlab import Kind
    >>> from gradlab.doctor import Report, Diagnosis
    >>> report = Report([Diagnosis("w", Kind.OK, norm=0.5), Diagnosis("b", Kind.ZERO)])
    >>> print(report)
    gradlab.explain: 1 of 2 gradients has a problem
      b    0  exactly zero
      w    ✓  a gradient flows (norm 0.5)
    >>> [row.name for row in report.problems]
    ['b']
    """

    rows: list[Diagnosis]
    notes: list[str] = field(default_factory=list)
    recorder: str = ""
    seconds: float = 0.0
    ops: int = 0
    title: str = ""  # which call this is about, where that is not plain
    returned: Any = None  # explain_call: what the code returned
    raised: BaseException | None = None  # explain_call: what it raised
    look: Callable[[], Lines] | None = field(default=None, repr=False, compare=False)  # makes `lines`
    run_seconds: float = 0.0  # of one run of the code
    _lines: Lines | None = field(default=None, repr=False, compare=False)

    @property
    def problems(self) -> list[Diagnosis]:
        """Rows that are not ok, worst first; gradients absent by design come after the others of their kind. A row that is
        harmless (the zero of a critic's last bias) is none."""
        bad = [r for r in self.rows if r.is_problem]
        return sorted(bad, key=lambda r: (r.by_design, SEVERITY.index(r.status)))

    @property
    def _healthy(self) -> list[Diagnosis]:
        """The other rows, those that are explained first."""
        return sorted((r for r in self.rows if not r.is_problem), key=lambda r: not r.is_explained)

    @property
    def lines(self) -> Any:
        """The line gradients of the code (`gradlab.LineGradients`), with the lines that this report blames marked.

        Made when first asked, which runs the code once more, then kept. None for reports that are made from a
        recording alone: of a tape, a cell or a script.
        """
        if self._lines is None and self.look is not None:
            self._lines = self.look()
        return self._lines

    def _shown_lines(self) -> tuple[Lines | None, str]:
        """(The line gradients, if one more run is cheap; why there are none, if that is worth a word)."""
        if self._lines is None and self.look is not None:
            if self.run_seconds > CHEAP:
                return (
                    None,
                    f"a run takes {self.run_seconds:.0f} s, so the line gradients are made when report.lines is read",
                )
            try:
                self._lines = self.look()
            except Exception as error:  # the report stands without them, and says what is missing
                return None, f"no line gradients: {sentence(error)}"
        return (self._lines if self._lines is not None and self._lines.lines else None), ""

    def row(self, name: str) -> Diagnosis:
        """The row of a source. LookupError names the sources there are."""
        for r in self.rows:
            if r.name == name:
                return r
        raise LookupError(
            f"no source {name!r} in this report; the sources are {', '.join(repr(r.name) for r in self.rows)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON. `lines` is that of the line gradients (see docs/line_gradients.md), or None."""
        lines, _ = self._shown_lines()
        return {
            "rows": [r.to_dict() for r in self.rows],
            "problems": [r.name for r in self.problems],
            "notes": list(self.notes),
            "recorder": self.recorder,
            "seconds": self.seconds,
            "ops": self.ops,
            "lines": lines.to_dict() if lines is not None else None,
        }

    def __repr__(self) -> str:
        bad = len(self.problems)
        what = f"gradlab.explain, {self.title}" if self.title else "gradlab.explain"
        said = html.count_of_problems(bad, len(self.rows)) if bad else html.all_there(self.rows)
        found = groups(self.problems)
        healthy = groups(self._healthy)
        width = max([len(title(g)) for g in (*found, *healthy)], default=0)
        lines = [f"{what}: {said}"]
        for group in (*found, *healthy):
            lines += _entry(group, width)
        margin, why = self._shown_lines()
        lines += [f"  note: {n}" for n in [*self.notes, *([why] if why else [])]]
        if margin is not None:
            lines += ["", margin.text()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        margin, why = self._shown_lines()
        return html.page(
            self.problems,
            self._healthy,
            about=self.title,
            notes=[*self.notes, *([why] if why else [])],
            lines=margin.html() if margin is not None else "",
            footer=", ".join(
                [f"{self.ops} ops recorded"] * (self.ops > 0) + [f"{self.seconds:.0f} s"] * (self.seconds >= LONG)
            ),
        )


def _entry(group: list[Diagnosis], width: int) -> list[str]:
    """The lines of one entry: rows that say the same, with the evidence of the first."""
    row = group[0]
    head = f"  {title(group):<{width}}  {row.status.mark:>3}  {row.words}"
    if row.status is Kind.OK and row.norm is not None:
        head += f" (norm {row.norm:.3g})"
    if row.cause:
        head += f"; cause: {row.reason}" + (", by design here" if row.by_design else "")
    lines, pad = [head], "  " + " " * width + "       "
    for p in row.where[:1]:
        lines.append(f"{pad}{p.shown}")
        if p.code:
            lines.append(f"{pad}  > {p.code}")
    if len(group) > 1:
        lines += textwrap.wrap(names(group), PAGE, initial_indent=f"{pad}for ", subsequent_indent=f"{pad}    ")
    facts = [("", row.message), ("evidence: ", row.evidence), ("fix: ", row.fix or "")]
    lines += [f"{pad}{word}{text}" for word, text in facts if text]
    if row.status is not Kind.OK and row.certainty is not Certainty.CERTAIN:
        lines.append(f"{pad}this cause is {row.certainty}, not certain")
    return lines
