"""Values that outlive the code that made them: kept in an attribute, a cache, a closure or a global, and used later.

A tape sees only that the loss used a tensor which no recorded op made. The objects that the learner's code can reach tell where
that very tensor is kept, and the text tells which line put it there and whether that line used the source.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from gradlab.doctor.recording.frames import code_of, is_user_file
from gradlab.doctor.recording.sources import is_owner, unwrap
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import Scene, children, class_file

# Objects looked at before the search gives up, and steps from a name of the learner's: a training program of some size has
# a few thousand objects within reach, and what is kept lies a few steps down.
OBJECTS, STEPS = 20_000, 8
# Definitions followed from the kept value back to the source: `a = f(b)`, `b = g(c)`, ...
CHAIN = 6


@dataclass(frozen=True)
class Kept:
    """A kept value: how it is spelt, and the assignment that made it from the source."""

    name: str
    definition: syntax.Definition


def kept_from(scene: Scene, source: Any, tensors: list[Any]) -> Kept | None:
    """The first of `tensors` that is kept somewhere and that the text makes from `source`, a variable or a tensor."""
    wanted = {id(t) for t in tensors}
    goals = _goals(scene, source)
    if not wanted or not (goals.values or goals.layers):
        return None
    for way in _ways(scene.values, lambda thing: id(thing) in wanted):
        for name, definition in _definitions(scene, way):
            if goals.reached(definition, definition.value):
                return Kept(name, definition)
    return None


@dataclass
class _Goals:
    """The last names by which the learner's text reaches a source: the source itself, and what holds it."""

    values: set[str]
    layers: set[str]

    def reached(
        self, at: syntax.Definition, node: ast.AST, depth: int = CHAIN, seen: frozenset[int] = frozenset()
    ) -> bool:
        """Does an expression of the text read the source, or run what holds it, itself or by what it is made of?"""
        if depth == 0 or id(node) in seen:
            return False
        seen = seen | {id(node)}
        read = syntax.names(node)
        if any(_last(n) in self.values for n in read):
            return True
        for call in syntax.calls(node):
            given = [call.func, *call.args, *(k.value for k in call.keywords)]
            if any(part in self.layers for g in given for part in syntax.dotted(g).split(".")):
                return True
        file = at.file
        for call in syntax.calls(node):
            for body in _bodies(file, _last(syntax.dotted(call.func))):
                if self.reached(at, body, depth - 1, seen):
                    return True
        for name in sorted(read):
            line = getattr(node, "lineno", at.statement.lineno)
            for d in syntax.definitions(file, name, line):
                if self.reached(d, d.value, depth - 1, seen):
                    return True
        return False


def _last(name: str) -> str:
    return name.partition("[")[0].rpartition(".")[2]


def _bodies(file: str, name: str) -> Iterator[ast.AST]:
    tree = syntax.module(file)
    for node in ast.walk(tree) if tree is not None and name else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            yield node


def _goals(scene: Scene, source: Any) -> _Goals:
    source = unwrap(source)

    def holds(thing: Any) -> bool:
        if thing is source or unwrap(thing) is source:
            return True
        if not is_owner(thing):
            return False
        try:
            return any(unwrap(v) is source for v in getattr(thing, "variables", ()))
        except ValueError:
            return False  # a model that is not built has none yet

    goals = _Goals(set(), set())
    for way in _ways(scene.values, holds):
        step = _last(way[-1][1].strip("[]'\""))
        if step.isidentifier() and step != "self" and not step.startswith("_"):
            (goals.layers if is_owner(way[-1][2]) else goals.values).add(step)
    return goals


Way = list[tuple[Any, str, Any]]  # (object, step, what the step leads to)


def _ways(values: dict[str, Any], is_goal: Callable[[Any], bool]) -> Iterator[Way]:
    """Every way from the learner's names to an object, the shortest first."""
    queue: deque[tuple[Any, Way]] = deque([(values, [])])
    seen = {id(values)}
    while queue and len(seen) < OBJECTS:
        thing, way = queue.popleft()
        for step, child in children(thing):
            here: Way = [*way, (thing, step, child)]
            if is_goal(child):
                yield here
            if id(child) in seen or len(here) >= STEPS or step.startswith("_tracker"):
                continue
            if isinstance(child, (str, bytes, int, float, type, ModuleType)) or not _may_keep(child):
                continue
            seen.add(id(child))
            queue.append((child, here))


def _may_keep(thing: Any) -> bool:
    """Is it a container, a function, a layer or an object of the learner's: something that the learner put a value in?"""
    if isinstance(thing, (dict, list, tuple, set, frozenset)) or is_owner(thing):
        return True
    return (callable(thing) and code_of(thing) is not None) or class_file(thing) is not None


def _definitions(scene: Scene, way: Way) -> Iterator[tuple[str, syntax.Definition]]:
    """The assignments that may have put a kept value where it is, with the name that they give it."""
    for thing, step, _ in reversed(way):
        attribute = step.strip("[]'\"") if thing is scene.values else step
        if not attribute.isidentifier():
            continue  # an item: what holds the container tells
        found = list(_of(scene, thing, attribute))
        for file, _ in scene.spots if not found else ():
            found += _anywhere(file, attribute)
        for d in found:
            yield d.name, d
        if found:
            return


def _of(scene: Scene, thing: Any, attribute: str) -> Iterator[syntax.Definition]:
    file = class_file(thing) if not isinstance(thing, (dict, list, tuple)) else None
    if file:
        yield from syntax.attribute_definitions(file, attribute)
        yield from _items(file, attribute)
        return
    code = code_of(thing) if callable(thing) else None
    if code is not None and is_user_file(code.co_filename):
        yield from _anywhere(code.co_filename, attribute)
        yield from _items(code.co_filename, attribute)
        return
    if thing is scene.values:
        yield from scene.definitions(attribute)
        for file, _ in scene.spots:
            yield from _items(file, attribute)


def _anywhere(file: str, name: str) -> list[syntax.Definition]:
    """Every assignment to a name in a file, whatever its scope."""
    tree = syntax.module(file)
    return [
        syntax.Definition(file, name, value, s, "")
        for s in (syntax.statements(tree) if tree is not None else ())
        for target, value in syntax.assigned(s)
        if syntax.dotted(target) == name
    ]


def _items(file: str, name: str) -> Iterator[syntax.Definition]:
    """What a container of this name is given: `c[k] = value`, `c.append(value)`, `c.setdefault(k, value)`."""
    tree = syntax.module(file)
    for s in syntax.statements(tree) if tree is not None else ():
        for target, value in syntax.assigned(s):
            if _last(syntax.item_of(target)) == name:
                yield syntax.Definition(file, syntax.item_of(target), value, s, "")
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and s.value.args:
            holder, _, method = syntax.dotted(s.value.func).rpartition(".")
            if _last(holder) == name and method in ("append", "insert", "setdefault", "extend", "update"):
                yield syntax.Definition(file, holder, s.value.args[-1], s, "")
