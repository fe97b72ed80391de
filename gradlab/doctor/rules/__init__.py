"""Why a gradient is missing, zero, not finite or wrong: one file for each family of causes.

A cause is a `Cause` and at least one rule that can find it, in one file of this folder. Being in the folder is enough:
`diagnose` looks there. A rule answers one question (a status, or `CUT` and `NO_PATH`, which several statuses share). The
rules of a question are tried in the order of their ranks, and the first `Finding` is the answer. A rule that needs
evidence which the case does not have (a tape's record, another run) returns None.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from gradlab.doctor.analysis.finite_differences import Spent
from gradlab.doctor.certainty import Proof as Proof
from gradlab.doctor.certainty import of as certainty_of
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Diagnosis
from gradlab.doctor.report.path import cut_at, path_through
from gradlab.doctor.rules.case import Case as Case
from gradlab.doctor.source_code.layer_lines import layer_line, layer_words
from gradlab.doctor.source_code.symbolic_calls import put_in
from gradlab.lab.reading import Kind as Kind

CUT = "cut"  # which op stopped the gradient (`case.cut`), and why?
NO_PATH = "no path"  # nothing that was recorded leads from the source to the loss: why?


@dataclass(frozen=True)
class Cause:
    """One cause: its label, what it is in a few words, and what to do about it in one line.

    `by_design`: somebody asked for it, so it is no fault. `steps`: the value moves in steps, so that a finite
    difference of it says nothing. `parts`: it cuts one of several ways while the others go on.
    """

    label: str
    what: str
    fix: str
    by_design: bool = False
    steps: bool = False
    parts: bool = False


@dataclass
class Finding:
    """What a rule found: the places with the blamed line first, the op, a sentence of evidence and what it rests on.

    `cause` and `fix` replace the rule's own, where the evidence says more; `status` replaces the case's; `message` says
    what the reader should know before the evidence; `blamed` is the op that the shown path marks; `harmless`: by
    design, and nothing to do whatever is meant, so that the row counts as no problem;
    `final`: the first place is the line to change, whatever line ran the op.
    """

    where: list[Place]
    evidence: str
    proofs: tuple[Proof, ...] = ()
    op: str = ""
    blamed: Op | None = None
    cause: Cause | None = None
    fix: str | None = None
    by_design: bool | None = None
    harmless: bool = False
    final: bool = False
    message: str = ""
    status: Kind | None = None
    status_text: str = ""
    norm: float | None = None


@dataclass(frozen=True)
class Rule:
    """A function that looks for one cause, and when it is asked."""

    question: Kind | str
    rank: int
    cause: Cause | None
    look: Callable[[Case], Finding | None] = field(repr=False)

    @property
    def reason(self) -> str:
        """Why what the rule sees means this cause: its docstring."""
        return (self.look.__doc__ or "").strip()

    @property
    def name(self) -> str:
        return f"{self.look.__module__.rpartition('.')[2]}.{self.look.__name__}"


_RULES: list[Rule] = []
Look = Callable[[Case], "Finding | None"]


def rule(*questions: Kind | str, rank: int, cause: Cause | None = None) -> Callable[[Look], Look]:
    """Register a function as the rule of these questions. Lower ranks are asked first; no two of a question are equal.

    Without a `cause` the function's findings must bring their own, or say that there is none to name.
    """

    def register(look: Look) -> Look:
        _RULES.extend(Rule(question, rank, cause, look) for question in questions)
        return look

    return register


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All rules of the folder, by question and rank."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_RULES, key=lambda r: (str(r.question), r.rank)))


@functools.cache
def causes() -> dict[str, Cause]:
    """Label -> cause, of all files of the folder."""
    rules()
    found: dict[str, Cause] = {}
    for module in pkgutil.iter_modules(__path__):
        for thing in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(thing, Cause):
                known = found.setdefault(thing.label, thing)
                assert known is thing, f"two causes have the label {thing.label!r}"
    return found


def find(case: Case, question: Kind | str) -> Finding | None:
    """The answer of the first rule that has one, with its cause; None if no rule has.

    A rule that fails (on an object of the user's that raises where it is looked at, for example) is told in a
    RuntimeWarning; the next one is asked, so that its fault does not cost the report on all the other sources.
    """
    for r in rules():
        if r.question == question:
            try:
                finding = r.look(case)
            except Spent:  # the limit of re-runs, which the caller reports
                raise
            except Exception as error:
                finding = None
                warnings.warn(
                    f"gradlab's rule {r.name} failed on the source {case.name!r} with {type(error).__name__}: {error}. The "
                    "report goes on without this rule, so another cause may be named. This is a fault in gradlab: please "
                    f"report it with this traceback:\n{traceback.format_exc()}",
                    RuntimeWarning,
                    stacklevel=2,
                )
            if finding is not None:
                finding.cause = finding.cause or r.cause
                return finding
    return None


def diagnose(case: Case) -> Diagnosis:
    """The row of a case: what the rules find for its status.

    A wrong gradient is one that a finite difference contradicts. Where no rule can say why, that is not held against
    the program: the row is ok.
    """
    finding = find(case, case.status)
    row = Diagnosis(case.name, case.status, norm=case.norm)
    if finding is None:
        if case.status is Kind.WRONG:
            row.status = Kind.OK
        return row
    cause = finding.cause if finding.status is not Kind.OK else None
    row.status = finding.status or case.status
    row.cause, row.what = (cause.label, cause.what) if cause is not None else (None, "")
    row.fix = finding.fix or (cause.fix if cause is not None else None)
    row.by_design = finding.by_design if finding.by_design is not None else cause is not None and cause.by_design
    where, op = finding.where, finding.blamed
    made, layer = None, ""
    if where and op is not None and case.run is not None and not finding.final:
        layer = layer_words(op, where[0], case.run)
        made = put_in(op, where[0], case.run.trace.ops) or layer_line(op, where[0], case.run, case.call)
    row.harmless = finding.harmless
    row.where = where if made is None else [made, *where]
    row.op, row.evidence = finding.op, "; ".join([finding.evidence, *([layer] if layer else []), *case.remarks])
    row.certainty = certainty_of(finding.proofs)
    row.message, row.status_text = finding.message or case.error_message, finding.status_text
    row.norm = finding.norm if finding.norm is not None else row.norm
    if case.run is not None and case.source is not None and row.status is not Kind.RAISES and row.is_explained:
        row.path = path_through(case.run, case.flow, finding.blamed)
        if row.where:
            row.path = cut_at(row.path, row.where[0], row.op)
    return row
