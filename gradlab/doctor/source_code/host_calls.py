"""Where the text takes a value out of TensorFlow: calls of NumPy, .numpy(), float() and their like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.value_flow import passed_on, reads, writes

PYTHON_OPS = ("numpy_function", "py_function", "py_func")
_HOST_CALLS = {"float", "int", "bool", "complex", "round"}
_HOST_METHODS = {
    "numpy",
    "item",
    "tolist",
    "predict",
    "predict_on_batch",
    "predict_step",
    "eval",
    "get_weights",
    "evaluate",
    *PYTHON_OPS,
}
_LOGGING = {"print", "log", "info", "debug", "warning", "write", "format", "set_description", "set_postfix"}
HOST_MODULES = {"np", "numpy", "scipy", "math", "sklearn", "pd", "pandas", "statistics"}


def is_logging_call(statement: ast.stmt) -> bool:
    """Does a statement only print or log something?"""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return syntax.dotted(statement.value.func).rpartition(".")[2] in _LOGGING
    return False


def host_call(statement: ast.stmt, names: set[str] | None = None) -> ast.Call | None:
    """The first call in a statement that takes a value out of TensorFlow (one that reads one of `names`, if given)."""
    for head in syntax.headers(statement):
        for call in syntax.calls(head):
            d = syntax.dotted(call.func)
            root, _, last = d.partition(".")
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            hit = (root in HOST_MODULES and last) or d in _HOST_CALLS or method in _HOST_METHODS
            if hit and (names is None or names & syntax.names(call)):
                return call
    return None


def how_of(call: ast.Call) -> str:
    """The name of a host call, or py_function."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else syntax.dotted(call.func)
    return "py_function" if name in PYTHON_OPS else name


def in_text(spots: list[Place]) -> Iterator[tuple[list[Place], str, int]]:
    """Host calls that the text makes on what the op at `spots` gave: in its own statement, or on the names that it was
    assigned to, also inside functions of the file that get them. Each with the calls around it, its name, and how many of the
    calls in `spots` had returned by then."""
    for level, spot in enumerate(spots):
        tree = syntax.module(spot.file)
        statement = syntax.statement_at(spot.file, spot.line)
        if level and not _handed_out(spots[level - 1]):
            return  # what the callers do with their results is nothing of this value's
        if tree is None or statement is None:
            continue
        around = spots[level:]
        call = host_call(statement)
        if call is not None and not is_logging_call(statement):
            yield [Place(spot.file, call.lineno, spot.function), *spots[level + 1 :]], how_of(call), level
        for inner, passed, line in passed_on(tree, statement, None):
            here = [Place(spot.file, inner.lineno, inner.name), Place(spot.file, line, spot.function)]
            for way, how in readers(tree, spot.file, inner, passed, 0, [*here, *spots[level + 1 :]], 1):
                yield way, how, level
        if isinstance(statement, ast.Assign):
            names = {d for t in statement.targets for d in syntax.names(t)}
            scope = syntax.scopes(tree, spot.line)[0]
            first = spot.line if not syntax.in_loop(scope, statement) else 0
            for way, how in readers(tree, spot.file, scope, names, first, around, 2):
                yield way, how, level


def _handed_out(spot: Place) -> bool:
    """May what the line makes leave its function? Not if it goes into local names that lead to no return, by the text."""
    tree, statement = syntax.module(spot.file), syntax.statement_at(spot.file, spot.line)
    if tree is None or not isinstance(statement, ast.Assign):
        return True
    scope, names = syntax.scopes(tree, spot.line)[0], writes(statement)
    if not isinstance(scope, ast.FunctionDef):
        return True
    outside = {a.arg for a in ast.walk(scope.args) if isinstance(a, ast.arg)}
    outside |= {n for s in ast.walk(scope) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
    while True:
        if names & outside or any("." in n for n in names):
            return True
        before = set(names)
        for s in syntax.statements(scope):
            if s is scope or not reads(s) & names:
                continue
            if isinstance(s, ast.Return) or any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(s)):
                return True
            names |= writes(s)
        if names == before:
            return False


def readers(
    tree: ast.Module, file: str, scope: ast.AST, names: set[str], first: int, around: list[Place], depth: int
) -> Iterator[tuple[list[Place], str]]:
    """Host calls in statements of a scope, from line `first` on, that read one of `names`; `depth` functions of the file
    deep. Each with the calls around it, and its name."""
    function = getattr(scope, "name", "<module>")
    for s in sorted(syntax.statements(scope), key=lambda s: s.lineno):
        if s.lineno < first or not reads(s) & names or is_logging_call(s):
            continue
        outside = [p for p in around[1:]]
        call = host_call(s, names)
        if call is not None:
            yield [Place(file, call.lineno, function), *outside], how_of(call)
        elif _fills_array(tree, s):
            yield [Place(file, s.lineno, function), *outside], "numpy"
        if depth:
            for inner, passed, line in passed_on(tree, s, names):
                here = [Place(file, inner.lineno, inner.name), Place(file, line, function), *outside]
                yield from readers(tree, file, inner, passed, 0, here, depth - 1)


def _fills_array(tree: ast.Module, statement: ast.stmt) -> bool:
    """Is it `array[i] = value` with an array that NumPy made?"""
    if not isinstance(statement, (ast.Assign, ast.AugAssign)):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    bases = {syntax.dotted(t.value) for t in targets if isinstance(t, ast.Subscript)} - {""}
    return any(
        syntax.dotted(target) in bases
        and isinstance(value, ast.Call)
        and syntax.dotted(value.func).partition(".")[0] in HOST_MODULES
        for s in syntax.statements(tree)
        for target, value in syntax.assigned(s)
    )
