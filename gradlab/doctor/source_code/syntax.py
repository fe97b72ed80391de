"""What the source text says about names: where a value was defined, from what, and how the user calls it."""

from __future__ import annotations

import ast
import functools
import linecache
import threading
from collections.abc import Iterator
from types import CodeType
from typing import Any

from gradlab.doctor.recording.frames import Place

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module | ast.ClassDef


# CPython 3.11 counts the depth of the tree that it makes in one place for all threads, and raises SystemError where two
# of them parse at the same time. Our own threads wait for each other (whoever parses holds this lock); one of the learner's may still come between.
parsing = threading.RLock()
_TRIES = 5


def parse(text: str) -> ast.Module:
    """As `ast.parse`, while no other thread of gradlab's parses."""
    for _ in range(_TRIES - 1):
        try:
            with parsing:
                return ast.parse(text)
        except SystemError:
            continue
    with parsing:
        return ast.parse(text)


@functools.lru_cache(maxsize=64)
def _parse(text: str) -> ast.Module | None:
    try:
        return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # source that Python itself would refuse
        return None


def module(file: str) -> ast.Module | None:
    """The parsed source of a file or notebook cell (IPython magics and shell lines are ignored)."""
    lines = linecache.getlines(file)
    if not lines:
        return None
    text = "".join(lines)
    tree = _parse(text)
    if tree is None:
        kept = ["\n" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines]
        tree = _parse("".join(kept))
    return tree


def cells() -> list[str]:
    """The notebook cells that Python knows the text of, in the order in which they ran."""
    return [file for file in list(linecache.cache) if "ipykernel_" in file or file.startswith("<ipython")]


def dotted(node: ast.AST) -> str:
    """'a.b.c' for a name or attribute chain, 'a[0]' for a constant index, else ''."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        head = dotted(node.value)
        return f"{head}[{node.slice.value!r}]" if head else ""
    return ""


def item_of(node: ast.AST) -> str:
    """The container's name in `container[anything]`, else ''."""
    return dotted(node.value) if isinstance(node, ast.Subscript) else ""


def names(node: ast.AST) -> set[str]:
    """Every name and dotted attribute that an expression reads."""
    found = set()
    for n in ast.walk(node):
        if isinstance(n, (ast.Name, ast.Attribute, ast.Subscript)):
            d = dotted(n)
            if d:
                found.add(d)
    return found


# Parts of the text of which the views below are kept: one question reads the same functions some hundred times.
VIEWS = 1_000


@functools.lru_cache(maxsize=VIEWS)
def statements(tree: ast.AST) -> tuple[ast.stmt, ...]:
    """Every statement in a part of the text, those of nested functions included."""
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))


@functools.lru_cache(maxsize=VIEWS)
def functions(tree: ast.AST) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Every function that is defined in a part of the text."""
    return tuple(s for s in statements(tree) if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)))


def statement_at(file: str, line: int) -> ast.stmt | None:
    """The smallest statement that covers a line."""
    tree = module(file)
    best = None
    for s in statements(tree) if tree else ():
        end = s.end_lineno or s.lineno
        if s.lineno <= line <= end and (
            best is None or end - s.lineno <= (best.end_lineno or best.lineno) - best.lineno
        ):
            best = s
    return best


def headers(statement: ast.stmt) -> list[ast.AST]:
    """The expressions that the first line of a statement evaluates (not the bodies of compound statements)."""
    if isinstance(statement, (ast.If, ast.While)):
        return [statement.test]
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.iter]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return [i.context_expr for i in statement.items]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Try)):
        return []
    return [statement]


def assigned(s: ast.stmt) -> list[tuple[ast.AST, ast.AST]]:
    """(target, value) pairs of an assignment, tuples taken apart."""
    pairs: list[tuple[ast.AST, ast.AST]] = []
    if isinstance(s, ast.Assign):
        for t in s.targets:
            if isinstance(t, (ast.Tuple, ast.List)):
                same = isinstance(s.value, (ast.Tuple, ast.List)) and len(s.value.elts) == len(t.elts)
                starred = any(isinstance(e, ast.Starred) for e in t.elts)
                for i, e in enumerate(t.elts):
                    pairs.append((e, s.value.elts[i] if same and not starred else s.value))  # type: ignore[attr-defined]
            else:
                pairs.append((t, s.value))
    elif isinstance(s, ast.AnnAssign) and s.value is not None:
        pairs.append((s.target, s.value))
    elif isinstance(s, ast.AugAssign):
        pairs.append((s.target, ast.BinOp(s.target, s.op, s.value)))
    return pairs


def scopes(tree: ast.Module, line: int) -> list[ast.AST]:
    """The functions around a line, innermost first, then the module."""
    found: list[ast.AST] = []
    for node in functions(tree):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        if first <= line <= (node.end_lineno or node.lineno):
            found.append(node)
    found.sort(key=lambda n: -n.lineno)  # type: ignore[attr-defined]
    return [*found, tree]


def _own_statements(scope: ast.AST) -> Iterator[ast.stmt]:
    """Statements of a scope without those of nested functions."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _own_statements(child)


@functools.lru_cache(maxsize=VIEWS)
def _assignments(scope: ast.AST) -> dict[str, list[tuple[ast.stmt, ast.AST]]]:
    """For each name (dotted allowed) the statements of a scope that give it something, with what they give."""
    found: dict[str, list[tuple[ast.stmt, ast.AST]]] = {}
    for s in _own_statements(scope):
        for target, value in assigned(s):
            found.setdefault(dotted(target), []).append((s, value))
    return found


@functools.lru_cache(maxsize=VIEWS)
def _attributes(tree: ast.Module) -> dict[str, list[tuple[ast.stmt, ast.AST, str]]]:
    """For each attribute the statements of a file that give it something: with what they give and the whole name."""
    found: dict[str, list[tuple[ast.stmt, ast.AST, str]]] = {}
    for s in statements(tree):
        for target, value in assigned(s):
            if isinstance(target, ast.Attribute):
                found.setdefault(target.attr, []).append((s, value, dotted(target)))
    return found


def is_count(node: ast.AST) -> bool:
    """Is what a loop runs over a range, so that numbers in it only count?"""
    return isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in ("range", "arange", "trange")


def in_loop(scope: ast.AST, statement: ast.stmt) -> bool:
    """Does a statement stand in a loop of its scope?"""
    return any(
        isinstance(n, (ast.For, ast.While, ast.AsyncFor)) and n.lineno < statement.lineno <= (n.end_lineno or n.lineno)
        for n in ast.walk(scope)
    )


class Definition:
    """One assignment `name = value`."""

    def __init__(self, file: str, name: str, value: ast.AST, statement: ast.stmt, function: str) -> None:
        self.file, self.name, self.value, self.statement, self.function = file, name, value, statement, function

    @property
    def place(self) -> Place:
        line = getattr(self.value, "lineno", self.statement.lineno)
        if isinstance(self.statement, ast.Assign) and len(self.statement.targets) == 1:
            line = self.statement.lineno if not isinstance(self.statement.value, ast.Tuple) else line
        return Place(self.file, line, self.function)

    def inside(self, steps: list[str]) -> Place:
        """The line of one element of what was assigned, as far as the text spells it out."""
        part = element(self.value, steps)
        return self.place if part is self.value else Place(self.file, getattr(part, "lineno", 0), self.function)


def makes_variable(call: ast.Call) -> bool:
    """Is it a call like tf.Variable(...) or self.add_weight(...)?"""
    last = dotted(call.func).rpartition(".")[2]
    return last in ("Variable", "add_weight", "add_variable", "get_variable")


def definitions(file: str, name: str, line: int, before: bool = True) -> list[Definition]:
    """Assignments to `name` (dotted allowed) as seen from a line: of the innermost scope that has one, in order.

    `before` keeps the ones above the line if they are in the line's own scope.
    """
    tree = module(file)
    if tree is None:
        return []
    for i, scope in enumerate(scopes(tree, line)):
        function = getattr(scope, "name", "<module>")
        found = [
            Definition(file, name, value, s, function)
            for s, value in _assignments(scope).get(name, ())
            if not (before and i == 0 and s.lineno > line)
        ]
        if found:
            return sorted(found, key=lambda d: d.statement.lineno)
    return []


def attribute_definitions(file: str, attribute: str) -> list[Definition]:
    """Assignments `self.attribute = ...` (or any object's) anywhere in a file."""
    tree = module(file)
    given = _attributes(tree).get(attribute, ()) if tree is not None else ()
    return [Definition(file, whole, value, s, "") for s, value, whole in given]


def dict_expression(file: str, key: str, line: int) -> ast.AST | None:
    """The value expression of `key` in a dict literal of the functions around a line: how the user spells that
    source."""
    tree = module(file)
    if tree is None:
        return None
    for scope in scopes(tree, line):
        for node in ast.walk(scope):
            if isinstance(node, ast.Dict):
                for k, v in zip(node.keys, node.values, strict=True):
                    # A settings dict may have the key too; a number or a text is no source.
                    if isinstance(k, ast.Constant) and k.value == key and not isinstance(v, ast.Constant):
                        return v
    return None


def element(node: ast.AST, steps: list[str]) -> ast.AST:
    """The part of a container's expression that steps like "['w']" or "[0]" lead to; as far as literals go."""
    for step in steps:
        inner: ast.AST | None = None
        if isinstance(node, ast.Dict):
            inner = next(
                (
                    v
                    for k, v in zip(node.keys, node.values, strict=True)
                    if isinstance(k, ast.Constant) and f"[{k.value!r}]" == step
                ),
                None,
            )
        elif isinstance(node, ast.Call) and dotted(node.func) == "dict":
            inner = next((k.value for k in node.keywords if f"[{k.arg!r}]" == step), None)
        elif isinstance(node, (ast.List, ast.Tuple)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            inner = next((e for i, e in enumerate(node.elts) if f"[{i}]" == step), None)
        if inner is None:
            break
        node = inner
    return node


@functools.lru_cache(maxsize=64)
def loop_names(file: str) -> frozenset[str]:
    """The names that a loop or a comprehension of the file binds, one thing after another."""
    tree = module(file)
    targets = [n.target for n in ast.walk(tree) if isinstance(n, (ast.For, ast.comprehension))] if tree else []
    return frozenset(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """Every call in a part of the text."""
    for n in ast.walk(node):
        if isinstance(n, ast.Call):
            yield n


def free_values(function: Any, depth: int = 3) -> dict[str, Any]:
    """Names that a function takes from outside (closure, globals, defaults) with their present values, functions
    inside included."""
    found: dict[str, Any] = {}
    seen: set[int] = set()

    def visit(f: Any, left: int) -> None:
        f = getattr(f, "python_function", f)
        bound = getattr(f, "__self__", None)
        f = getattr(f, "__func__", f)
        code: CodeType | None = getattr(f, "__code__", None)
        if code is None or id(f) in seen:
            return
        seen.add(id(f))
        values: dict[str, Any] = {}
        for n, cell in zip(code.co_freevars, f.__closure__ or (), strict=False):
            try:
                values[n] = cell.cell_contents
            except ValueError:
                continue  # the cell is still empty: the name is not bound yet
        used = set(code.co_names)
        for c in code.co_consts:
            if isinstance(c, CodeType):
                used |= set(c.co_names)
        for n in used:
            if n in f.__globals__ and n not in values:
                values[n] = f.__globals__[n]
        arguments = code.co_varnames[: code.co_argcount]
        for n, v in zip(reversed(arguments), reversed(f.__defaults__ or ()), strict=False):
            values[n] = v
        if bound is not None:
            values["self"] = bound
        for n, v in values.items():
            found.setdefault(n, v)
            if left and (hasattr(v, "__code__") or hasattr(v, "python_function") or hasattr(v, "__func__")):
                visit(v, left - 1)

    visit(function, depth)
    return found
