"""The counters of the loops around a line: which epoch, which batch."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from gradlab.doctor.source_code.syntax import module

Frame = tuple[str, int, dict[str, Any]]  # file, line, names with a plain value
LONGEST = 40  # characters of a text that is shown as the counter of a loop


def counters(frames: Iterable[Frame]) -> dict[str, Any]:
    """The loop variables around a call that are plain numbers or texts, the outermost loop first."""
    found: dict[str, Any] = {}
    for file, line, names in reversed(list(frames)):
        for name in targets(file, line):
            value = names.get(name)
            if isinstance(value, int) or (isinstance(value, str) and len(value) <= LONGEST):
                found[name] = value
    return found


@lru_cache(maxsize=256)
def targets(file: str, line: int) -> tuple[str, ...]:
    """The names that the for loops around a line assign, the outermost loop first."""
    tree = module(file)
    if tree is None:
        return ()
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.AsyncFor)) and node.lineno < line <= (node.end_lineno or 0):
            found += [n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)]
    return tuple(dict.fromkeys(found))
