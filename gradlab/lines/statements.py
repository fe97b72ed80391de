"""Statements of a file: the unit that a line gradient belongs to is the statement, not the line.

A call over five lines is one statement. A `for`, `if`, `with` or `def` counts with the lines of its header only.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass, field

from gradlab.doctor.source_code.syntax import parse

# A file longer than this is not parsed: `ast` needs about 1 kB a line, and no reader reads such a file.
MAX_LINES = 200_000


@dataclass(frozen=True)
class Function:
    """A function (or the module) with its first and last line; a decorator belongs to it."""

    name: str
    first: int
    last: int


@dataclass
class Statements:
    """What is known of a file from its syntax. Line numbers count from 1.

    `first` maps every line of a statement to the line where the statement begins, `last` the other way. `loops` has for
    a statement the headers of the loops around it in its own function, outermost first. `withs` has for the header of a
    `with` the lines of its body. `lists` has the statements that read a list of variables from an owner, with the dotted
    name of the owner and the attribute. `comprehensions` has where each list, set and dict comprehension stands: first
    line, last line, first column, last column.
    """

    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    loops: dict[int, tuple[int, ...]] = field(default_factory=dict)
    headers: frozenset[int] = frozenset()
    withs: dict[int, tuple[int, int]] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    lists: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    comprehensions: list[tuple[int, int, int, int]] = field(default_factory=list)

    def start(self, line: int) -> int:
        """The first line of the statement that this line is a part of."""
        return self.first.get(line, line)

    def function(self, name: str, first_line: int) -> Function | None:
        """The function of that name whose `def`, or first decorator, stands at this line."""
        exact = [f for f in self.functions if f.name == name and f.first == first_line]
        around = [f for f in self.functions if f.first <= first_line <= f.last and f.name == name]
        return next(iter(exact or around), None)


LISTS = frozenset({"trainable_variables", "trainable_weights", "variables", "weights"})
_known: dict[str, tuple[list[str], Statements]] = {}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def of_file(file: str) -> Statements:
    """The statements of a file or notebook cell; empty if there is no source or it does not parse."""
    lines = linecache.getlines(file)  # the same list as long as nobody reads the file anew
    known = _known.get(file)
    if known is None or (known[0] is not lines and known[0] != lines):
        if len(_known) > 200:  # a long notebook session makes a new pseudo file for every cell
            _known.clear()
        known = _known[file] = (lines, _parse(lines))
    return known[1]


def cached(file: str) -> Statements:
    """As `of_file`, without looking whether the file has changed (for the inside of a run)."""
    known = _known.get(file)
    return known[1] if known is not None else of_file(file)


def _parse(lines: list[str]) -> Statements:
    found = Statements()
    if not lines or len(lines) > MAX_LINES:
        return found
    text = "".join("\n" if line.lstrip().startswith(("%", "!")) else line for line in lines)  # magics of a notebook
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # source that Python itself would refuse
        return found
    found.functions.append(Function("<module>", 1, len(lines)))
    headers: set[int] = set()
    _body(tree.body, (), found, headers)
    found.headers = frozenset(headers)
    for node in ast.walk(tree):
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp)):
            end = node.end_lineno or node.lineno
            found.comprehensions.append((node.lineno, end, node.col_offset, node.end_col_offset or 0))
    return found


def _body(body: list[ast.stmt], loops: tuple[int, ...], found: Statements, headers: set[int]) -> None:
    for node in body:
        _statement(node, loops, found, headers)


def _statement(node: ast.stmt, loops: tuple[int, ...], found: Statements, headers: set[int]) -> None:
    first, end = node.lineno, node.end_lineno or node.lineno
    inner = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    inner += [handler.body for handler in getattr(node, "handlers", [])]
    inner += [case.body for case in getattr(node, "cases", [])]
    inner = [part for part in inner if part]
    if inner:
        end = max(first, min(part[0].lineno - len(getattr(part[0], "decorator_list", [])) for part in inner) - 1)
    for line in range(first, end + 1):
        found.first.setdefault(line, first)
    found.last[first] = max(end, found.last.get(first, 0))
    found.loops.setdefault(first, loops)
    _lists(node, inner, first, found)
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        if isinstance(node, _FUNCTIONS):
            top = min([d.lineno for d in node.decorator_list], default=first)
            found.functions.append(Function(node.name, top, node.end_lineno or first))
        loops = ()
    elif isinstance(node, _LOOPS):
        headers.add(first)
        _body(node.orelse, loops, found, headers)
        _body(node.body, (*loops, first), found, headers)
        return
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        found.withs[first] = (node.body[0].lineno, node.end_lineno or first)
    for part in inner:
        _body(part, loops, found, headers)


def _lists(node: ast.stmt, inner: list[list[ast.stmt]], first: int, found: Statements) -> None:
    """The lists of variables that the statement itself (not the statements in its body) reads from an owner."""
    inside = {id(n) for part in inner for n in part}
    todo = list(ast.iter_child_nodes(node))
    while todo:
        at = todo.pop()
        if id(at) in inside:
            continue
        if isinstance(at, ast.Attribute) and at.attr in LISTS:
            owner = _dotted(at.value)
            if owner:
                found.lists.setdefault(first, []).append((owner, at.attr))
        todo.extend(ast.iter_child_nodes(at))


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
