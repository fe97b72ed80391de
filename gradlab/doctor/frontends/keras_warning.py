"""Keras' warning "Gradients do not exist for variables [...]", and for each variable the line that left it out.

Keras 3 warns by `warnings`, legacy Keras by TensorFlow's logger. Both are listened to; what the program shows stays as it is.
"""

from __future__ import annotations

import ast
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradlab.doctor.report.diagnosis import Diagnosis
from gradlab.doctor.report.report import Report
from gradlab.lab.reading import Kind

_MESSAGE = re.compile(r"Gradients do not exist for variables (\[.*?\])", re.S)
_LOGGERS = ("tensorflow", "absl")


class _Listener(logging.Handler):
    """Takes the warning from a logger."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        _take(record.getMessage(), self.found)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The paths of variables that Keras warns of while the block runs, each once, in Keras' order."""
    found: list[str] = []
    plain = warnings.showwarning

    def show(message: Any, *args: Any, **keywords: Any) -> None:
        _take(str(message), found)
        plain(message, *args, **keywords)

    listener = _Listener(found)
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
            words = f"{row.words}{f'; cause: {row.cause}' if row.cause else ''}; no line is known"
        else:
            code = f": {row.where[0].code}" if row.where[0].code else ""
            words = f"{row.where[0].shown}{code}{f'  ({row.cause})' if row.cause else ''}"
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
