"""Rows that say the same, as one entry: a cause that hits forty weights is told once, with forty names."""

from __future__ import annotations

from collections.abc import Iterable

from gradlab.doctor.report.diagnosis import Diagnosis


def groups(rows: Iterable[Diagnosis]) -> list[list[Diagnosis]]:
    """Rows in their order, those with the same status, cause, line and fix together. What differs is the evidence."""
    found: dict[tuple[object, ...], list[Diagnosis]] = {}
    for row in rows:
        at = row.where[0] if row.where else None
        same = (row.status, row.cause, at, row.fix, row.message, row.words, row.by_design, row.certainty)
        # Without a place or a cause there is nothing that rows have in common, but for words of their own.
        key = same if (at is not None and row.cause) or (at is None and row.status_text and row.fix) else (id(row),)
        found.setdefault(key, []).append(row)
    return list(found.values())


def title(group: list[Diagnosis]) -> str:
    """The name of a row, or of the first of several and how many there are."""
    first, others = group[0].name, len(group) - 1
    return first if not others else f"{first} and {others} other{'s' * (others > 1)}"


def names(group: list[Diagnosis]) -> str:
    """All names of a group."""
    return ", ".join(row.name for row in group)
