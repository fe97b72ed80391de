"""The exact expression that an instruction of the user's code evaluates, told by the `executing` library.

A line may hold several calls, and a call may span several lines. `executing` finds the one that ran from the bytecode.
It has no answer for code that AutoGraph made, for graphs, and where the text is not that of the code any more: then the
callers search the statement at the line.
"""

from __future__ import annotations

import ast
import functools
import linecache
from types import CodeType, SimpleNamespace
from typing import Any

from executing import Source

from gradlab.doctor.recording.frames import Spot, line_of
from gradlab.doctor.source_code import syntax


class _Text(Source):
    """The text of a file as this process knows it.

    The library's own look-up reads a file anew that has changed on disk: the lines would not be those of the code.
    """

    @classmethod
    def for_filename(cls, filename: Any, module_globals: Any = None, use_cache: bool = True) -> _Text:
        return _text(str(filename), tuple(linecache.getlines(str(filename))))


@functools.lru_cache(maxsize=64)  # as many files as `syntax` keeps
def _text(file: str, lines: tuple[str, ...]) -> _Text:
    return _Text(file, lines)


@functools.lru_cache(maxsize=syntax.VIEWS)
def _node(code: CodeType, offset: int) -> ast.AST | None:
    # Of a frame the library reads these four; the frame itself is gone when a report is made.
    frame: Any = SimpleNamespace(f_code=code, f_lasti=offset, f_lineno=line_of(code, offset), f_globals={})
    with syntax.parsing:
        return _Text.executing(frame).node


def node_of(spot: Spot | None, level: int = 0) -> ast.AST | None:
    """What was being evaluated at a spot, in the innermost of the user's frames or `level` frames outwards. The node
    has a `parent`. None if it is not known."""
    if spot is None or spot[0] is None:
        return None
    around = ((spot[0], spot[1]), *spot[2])
    code, offset = around[level] if level < len(around) else (None, -1)
    return _node(code, offset) if code is not None and offset >= 0 else None


def counts_a_comprehension(node: ast.AST | None) -> bool:
    """Is the node a part of the range that a comprehension runs over?"""
    while isinstance(node, ast.expr):
        above = getattr(node, "parent", None)
        if isinstance(above, ast.comprehension):
            return above.iter is node and syntax.is_count(node)
        node = above
    return False
