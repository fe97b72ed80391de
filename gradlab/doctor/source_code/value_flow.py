"""Follows a Python or NumPy value through the user's text: does what a line made reach an op that the loss needs?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import syntax

FILLERS = {"append", "extend", "insert", "add", "update", "put", "appendleft", "fill", "setdefault", "itemset"}
LOSS, BRANCH, NOWHERE = "loss", "branch", "nowhere"  # where a value may go besides into an op


def writes(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value (a list that it appends to counts)."""
    targets: list[ast.AST] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign, ast.For)):
        targets = [statement.target]
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        targets = [i.optional_vars for i in statement.items if i.optional_vars is not None]
    found: set[str] = set()
    for target in targets:
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        for part in parts:
            inner = part.value if isinstance(part, ast.Starred) else part
            while isinstance(inner, ast.Subscript):
                inner = inner.value
            found.add(syntax.dotted(inner))
    for head in syntax.headers(statement):
        for node in ast.walk(head):
            if isinstance(node, ast.NamedExpr):
                found.add(node.target.id)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FILLERS:
                found.add(syntax.dotted(node.func.value))
    return found - {""}


def reads(statement: ast.stmt) -> set[str]:
    """The names that a statement's own expressions read."""
    if isinstance(statement, ast.Assign):
        found = syntax.names(statement.value)
        for target in statement.targets:
            if isinstance(target, ast.Subscript):
                found |= syntax.names(target.slice)
        return found
    found = set()
    for head in syntax.headers(statement):
        found |= syntax.names(head)
    return found


def passed_on(
    tree: ast.Module, statement: ast.stmt, names: set[str] | None
) -> Iterator[tuple[ast.FunctionDef, set[str], int]]:
    """(function of the file, its parameters that get one of the names, line of the call) for the calls in a
    statement. Without names: the parameters that get a value which is computed in the call itself."""
    known = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for head in syntax.headers(statement):
        looped = {d for n in ast.walk(head) if isinstance(n, ast.comprehension) for d in syntax.names(n.target)}
        for call in syntax.calls(head):
            inner = known.get(syntax.dotted(call.func).rpartition(".")[2])
            if inner is None:
                continue
            instead = _wrapper(known, inner)
            if instead is not None:
                args = instead.args
                taken = {a.arg for a in (*args.args, args.vararg, args.kwarg) if a is not None}
                if any(_takes(a, names) or (names is None and syntax.names(a)) for a in call.args):
                    yield instead, taken, call.lineno
                continue
            parameters = [a.arg for a in inner.args.args]
            if parameters[:1] == ["self"]:
                parameters = parameters[1:]
            given = [*zip(parameters, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg)]
            passed = {p for p, a in given if _takes(a, names) or (names is None and syntax.names(a) & looped)}
            if passed:
                yield inner, passed, call.lineno


def _wrapper(known: dict[str, ast.FunctionDef], inner: ast.FunctionDef) -> ast.FunctionDef | None:
    """What runs in place of a function that a decorator of the same file wraps."""
    for decorator in inner.decorator_list:
        outer = known.get(syntax.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator))
        for node in outer.body if outer is not None else ():
            if isinstance(node, ast.FunctionDef):
                return node
    return None


def _takes(argument: ast.AST, names: set[str] | None) -> bool:
    if names is None:
        return any(isinstance(n, (ast.Call, ast.BinOp)) for n in ast.walk(argument))
    return bool(syntax.names(argument) & names)


def span(statement: ast.stmt) -> range:
    """The lines of a statement's own expressions."""
    heads = [h for h in syntax.headers(statement) if hasattr(h, "end_lineno")]
    last = max([getattr(h, "end_lineno", None) or statement.lineno for h in heads], default=statement.lineno)
    return range(statement.lineno, last + 1)


def _first_line(scope: ast.AST, statement: ast.stmt) -> int:
    """From where on a statement's results can be read: its own line, or the start of the loop around it."""
    lines = [
        loop.lineno
        for loop in ast.walk(scope)
        if isinstance(loop, (ast.For, ast.While, ast.AsyncFor))
        and loop.lineno <= statement.lineno <= (loop.end_lineno or loop.lineno)
    ]
    return min([statement.lineno, *lines])


def _meets(read: set[str], names: set[str]) -> bool:
    """Is one of the names read? Attributes of different objects are one if their name is."""
    if read & names:
        return True
    ends = {n.rpartition(".")[2] for n in names if "." in n}
    return bool(ends) and any("." in r and r.rpartition(".")[2] in ends for r in read)


def _within(op: Op, file: str, line: int, function: str) -> bool:
    """Did the op run inside a call of this function that was made in this line?"""
    inner = zip(op.stack, op.stack[1:], strict=False)
    return any(a.co_name == function and (b.co_filename, at) == (file, line) for (a, _), (b, at) in inner)


class Reach:
    """Where numbers made by Python came into TensorFlow, as lines of the text."""

    def __init__(
        self,
        ops: Iterable[Op],
        needed: Iterable[Op],
        asked: Iterable[tuple[str, int]] = (),
        returned: bool = False,
    ) -> None:
        self.lines: dict[tuple[str, int], list[Op]] = {}
        self.needed = {(code.co_filename, line) for op in needed for code, line in op.stack}
        for op in ops:
            for code, line in op.stack:
                self.lines.setdefault((code.co_filename, line), []).append(op)
        self.asked = set(asked)  # lines that ask for the gradient of a loss which is such a number itself
        self.returned = returned  # what the outermost function returns is the loss

    def _at(self, file: str, statement: ast.stmt, after: int, returned: str = "") -> Op | str | None:
        """Where the statement itself takes the value. `returned`: the function whose result the value is there; what the call of
        it did took in no result of its own, unless the statement calls it twice."""
        called = [c for head in syntax.headers(statement) for c in syntax.calls(head)]
        once = sum(syntax.dotted(c.func).rpartition(".")[2] == returned for c in called) == 1
        for line in span(statement):
            for op in self.lines.get((file, line), ()):
                if op.index > after and not (once and _within(op, file, line, returned)):
                    return op
            if (file, line) in self.asked:
                return LOSS
        if isinstance(statement, ast.If):
            last = statement.end_lineno or statement.lineno
            if any((file, line) in self.needed for line in range(span(statement)[-1] + 1, last + 1)):
                return BRANCH
        return None

    def follow(self, spots: list[Place], after: int, depth: int = 6, returned: str = "") -> Op | str | None:
        """The op after number `after` into which the value made at `spots[0]` went, or LOSS if it is the loss itself,
        BRANCH if it chose what the loss is made of, NOWHERE; None if the text does not say. `spots` are the calls
        around, innermost first."""
        if not spots or depth == 0:
            return None
        file = spots[0].file
        start = syntax.statement_at(file, spots[0].line)
        tree = syntax.module(file)
        if start is None or tree is None:
            return None
        hit = self._at(file, start, after, returned)
        if hit is not None:
            return hit
        if isinstance(start, ast.Return):
            return self._out(spots, after, depth)
        scope = syntax.scopes(tree, start.lineno)[0]
        names = writes(start)
        first = _first_line(scope, start)
        for _ in range(10):
            before = set(names)
            for s in syntax.statements(tree if any("." in n for n in names) else scope):
                if s is start or (s.lineno < first and not any("." in n for n in names)):
                    continue
                if not _meets(reads(s), names) or (isinstance(s, ast.For) and syntax.is_count(s.iter)):
                    continue
                hit = self._at(file, s, after)
                if hit is not None:
                    return hit
                if isinstance(s, ast.Return) and syntax.scopes(tree, s.lineno)[0] is scope:
                    out = self._out(spots, after, depth)
                    if out != NOWHERE:
                        return out
                names |= writes(s)
            if names == before:
                return NOWHERE
        return NOWHERE

    def _out(self, spots: list[Place], after: int, depth: int) -> Op | str | None:
        """The value was returned: go on in the caller."""
        if len(spots) == 1:
            return LOSS if self.returned else NOWHERE
        return self.follow(spots[1:], after, depth - 1, spots[0].function)
