"""Two warnings of Keras: "Gradients do not exist for variables [...]", and for each variable the line that left it out;
and "The model does not have any trainable weights", with which `fit` of Keras 3 asks its tape for nothing at all.

Keras 3 warns by `warnings`, legacy Keras by TensorFlow's logger. Both are listened to; what the program shows stays as it is.
"""

from __future__ import annotations

import ast
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gradlab.doctor.recording.backends import recorder
from gradlab.doctor.recording.frames import Place, places, stack
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.report.diagnosis import Diagnosis
from gradlab.doctor.report.report import Report
from gradlab.doctor.rules import diagnose, variable_list
from gradlab.doctor.source_code.scope import UserScope
from gradlab.lab.reading import Kind

_MESSAGE = re.compile(r"Gradients do not exist for variables (\[.*?\])", re.S)
_NOTHING = "does not have any trainable weights"
_LOGGERS = ("tensorflow", "absl")
TITLE = "a step of fit, which asked no gradient: Keras found nothing to train"


@dataclass
class Heard:
    """What Keras has warned of."""

    names: list[str] = field(default_factory=list)  # paths of variables, each once, in Keras' order
    # (model without anything to train, the user's lines that trained it)
    idle: list[tuple[Any, list[Place]]] = field(default_factory=list)


class _Listener(logging.Handler):
    """Takes the warning from a logger."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        _take(record.getMessage(), self.found)


@contextmanager
def heard() -> Iterator[Heard]:
    """What Keras warns of while the block runs."""
    found = Heard()
    plain = warnings.showwarning

    def show(message: Any, *args: Any, **keywords: Any) -> None:
        _take(str(message), found.names)
        if _NOTHING in str(message):
            found.idle += _idle()
        plain(message, *args, **keywords)

    listener = _Listener(found.names)
    warnings.showwarning = show
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(listener)
    try:
        yield found
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(listener)
        if warnings.showwarning is show:
            warnings.showwarning = plain


def _idle() -> list[tuple[Any, list[Place]]]:
    """The model whose step of Keras is warning right now, with the user's lines around it."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "train_step" and "self" in frame.f_locals:
            return [(frame.f_locals["self"], places(stack(2)[0]))]
        frame = frame.f_back
    return []


def of_idle(models: list[tuple[Any, list[Place]]]) -> Iterator[Report]:
    """A report on each model that Keras found nothing to train in: why its list of variables is empty."""
    for model, where in models:
        scope = UserScope(None, [(p.file, p.line) for p in where], {"model": model}, [])
        run = Run(Trace(), [], recorder().key)
        listing = variable_list.VariableList(model, variable_list.OwnerState(), scope, run, None, [], [])
        rows = [diagnose(case) for case in variable_list.cases(listing)]
        for row in rows:
            row.where += [p for p in where if p not in row.where]
        at = f" ({where[0]})" if where else ""
        yield Report(rows, [], "Keras' warning", title=f"{TITLE}{at}")


def _take(message: str, found: list[str]) -> None:
    match = _MESSAGE.search(message)
    if match is None:
        return
    try:
        names = ast.literal_eval(match[1])
    except (SyntaxError, ValueError):  # another Keras writes the list in another way
        return
    found += [n for n in (str(name).removesuffix(":0") for name in names) if n not in found]


def answer(names: list[str], reports: list[Report]) -> list[str]:
    """For each variable that Keras warned of, one line: where the gradient ends, and why. Empty where it did not warn.

    The reports that have the answer get a note that says so.
    """
    if not names:
        return []
    width = max(len(name) for name in names)
    lines = [f'Keras warned "Gradients do not exist for variables"; what left out each of the {len(names)}:']
    named: dict[int, list[str]] = {}
    for name in names:
        at, row = _row(name, reports)
        if row is None:
            words = "no tape that was recorded was asked for it"
        elif not row.where:
            words = f"{row.words}{f'; cause: {row.reason}' if row.cause else ''}; no line is known"
        else:
            code = f": {row.where[0].code}" if row.where[0].code else ""
            words = f"{row.where[0].shown}{code}{f'  ({row.reason})' if row.cause else ''}"
        lines.append(f"  {name:<{width}}  {words}")
        if row is not None:
            named.setdefault(at, []).append(name)
    for at, own in named.items():
        reports[at].notes.append(f'Keras warned "Gradients do not exist" of {", ".join(own)}: their rows say why')
    return lines


def _row(name: str, reports: list[Report]) -> tuple[int, Diagnosis | None]:
    """The row about that variable, and the number of its report: the last one in which it has no gradient."""
    found: tuple[int, Diagnosis | None] = (0, None)
    for at, report in enumerate(reports):
        for row in report.rows:
            if row.name == name and (row.status is Kind.NONE or found[1] is None):
                found = (at, row)
    return found
