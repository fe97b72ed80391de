"""Whole small programs after public reports: what is said of each, in every way in that it names.

A case that is not right yet carries the mark `NOT_YET` in its own file, per way; the mark is strict, so the mend that makes it
right takes it away (`python tests/doctor/fieldcases.py --unmark`). A case marked `WEEKLY` is left to `make test-all`.
"""

from __future__ import annotations

from pathlib import Path

import fieldcases
import pytest

# `make test` asks every fourth case, in the first or the second of its ways in turn. The command starts a Python for each case: every
# sixth. What a plain tape gives depends on no line of gradlab, and the way `tape` compares with it: every twelfth. At every push a
# job of the workflow runs all.
CASES, COMMANDS, PLAIN = 4, 6, 12
ASKED = [(path, way) for path in fieldcases.FILES for way in fieldcases.ways(path)]


def _weekly(path: Path) -> list[pytest.MarkDecorator]:
    """The mark of a case that only `make test-all` runs."""
    return [pytest.mark.weekly] if fieldcases.constant(path, "WEEKLY") else []


def _params() -> list[object]:
    found = []
    for path, way in ASKED:
        not_yet = (fieldcases.constant(path, "NOT_YET") or {}).get(way)
        marks = [pytest.mark.xfail(strict=True, reason=not_yet)] if not_yet else []
        by_command = [p for p, w in ASKED if w == "command"]
        ways = fieldcases.ways(path)
        turn, other_case = divmod(fieldcases.FILES.index(path), CASES)
        left_out = other_case or (ways.index(way) + turn) % min(2, len(ways))
        if way == "command":
            left_out = by_command.index(path) % COMMANDS
        marks += _weekly(path) or ([pytest.mark.weekly] if left_out else [])
        found.append(pytest.param(path, way, marks=marks, id=f"{path.stem}-{way}"))
    return found


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, marks=[pytest.mark.weekly] if n % PLAIN else _weekly(p), id=p.stem)
        for n, p in enumerate(fieldcases.FILES)
    ],
)
def test_a_plain_tape_agrees(path: Path) -> None:
    """Each case is true: a plain tf.GradientTape gives the statuses that the case expects."""
    assert fieldcases.verified(path) == []


@pytest.mark.parametrize(("path", "way"), _params())
def test_field_case(path: Path, way: str) -> None:
    assert fieldcases.score(path, way).faults == []


def test_the_cases_are_whole() -> None:
    """At least 60 programs, at least 15 of them healthy; each names its source, its ways and, if broken, its line."""
    healthy = [p for p in fieldcases.FILES if fieldcases.constant(p, "CAUSE") is None]
    assert len(fieldcases.FILES) >= 60
    assert len(healthy) >= 15
    for path in fieldcases.FILES:
        assert fieldcases.constant(path, "ORIGIN") and fieldcases.constant(path, "EXPECT"), path.stem
        assert set(fieldcases.ways(path)) <= {"tape", "both", "explain", "owner", "cells", "command"}, path.stem
        marked = "# <-- cut" in path.read_text() or bool(fieldcases.constant(path, "MODULE"))
        assert marked == (path not in healthy), path.stem
