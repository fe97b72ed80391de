"""Where the program keeps a value that was computed before the recording began, and the line that computed it.

The value is looked for by identity, from the names around the gradient call through attributes, layers, models, lists,
closures and globals. The text of the line that made it is then read with the objects at hand: `self.rho` is looked up in
the object itself, so that another object's attribute of the same name is not taken for it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from gradlab.doctor.recording.frames import code_of, is_user_file
from gradlab.doctor.recording.sources import Eager, Source, is_owner, unwrap
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import UserScope, children, way_to
from gradlab.doctor.source_code.syntax import Definition

OBJECTS = 20_000  # objects looked at before the search for a value is given up: a large Keras model has some thousands
DEPTH = 8  # attributes and items on the way from a name to a value
CHAIN = 6  # definitions followed from a value back to the source


@dataclass
class Kept:
    """A value and where the program keeps it."""

    value: Any
    name: str  # the dotted name, as the code that owns it spells it
    owner: Any  # the object whose attribute it is, None for a plain name
    file: str
    line: int
    names: dict[str, Any] = field(default_factory=dict)  # what plain names mean there


def _environment(scope: UserScope) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The places around the call, with what names mean there; the innermost first."""
    if scope.spots:
        yield (*scope.spots[0], scope.values)
    for file, line, local, others in scope.frames:
        yield file, line, {**others, **local} if local is not others else others


def _attribute_of(way: list[tuple[Any, str]]) -> tuple[Any, str] | None:
    """The last object on the way that a class of the learner's describes, and its attribute."""
    for thing, name in reversed(way):
        if not isinstance(thing, (dict, list, tuple, set)) and _class_files(thing):
            return thing, name
    return None


def _class_files(thing: Any) -> list[tuple[type, str]]:
    """The learner's classes that an object is made of, with their files."""
    found = []
    for kind in type(thing).__mro__:
        module = sys.modules.get(kind.__module__)
        file = getattr(module, "__file__", None)
        if kind.__module__ == "__main__" or file is None:
            code = next((v.__code__ for v in vars(kind).values() if inspect.isfunction(v)), None)
            file = code.co_filename if code is not None else file
        if file and is_user_file(file):
            found.append((kind, file))
    return found


def kept(scope: UserScope, wanted: Callable[[Any], bool], kinds: tuple[type, ...] = (Eager,)) -> Iterator[Kept]:
    """Where the program keeps values of these types that are wanted, from the names around the call outwards."""
    seen: set[int] = set()
    alive: list[Any] = []  # ids stay true as long as their things live
    for file, line, names in _environment(scope):
        queue: deque[tuple[Any, list[tuple[Any, str]]]] = deque()
        for name, value in list(names.items()):
            queue.append((value, [(names, name)]))
        while queue and len(seen) < OBJECTS:
            thing, way = queue.popleft()
            if isinstance(thing, kinds):
                if wanted(thing):
                    yield from _found(thing, way, file, line, names)
                continue
            if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type, ModuleType)) or len(way) > DEPTH:
                continue
            seen.add(id(thing))
            alive.append(thing)
            queue.extend((child, [*way, (thing, name)]) for name, child in children(thing))


def _found(value: Any, way: list[tuple[Any, str]], file: str, line: int, names: dict[str, Any]) -> Iterator[Kept]:
    attribute = _attribute_of(way[1:])
    if attribute is None:
        yield Kept(value, way[0][1], None, file, line, names)
        return
    owner, name = attribute
    for kind, where in _class_files(owner):
        yield Kept(value, f"self.{name}", owner, where, _line_of(kind, where), vars(sys.modules[kind.__module__]))


def _line_of(kind: type, file: str) -> int:
    tree = syntax.module(file)
    lines = (
        [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == kind.__name__] if tree else []
    )
    return lines[0] if lines else 0


@dataclass
class Maker:
    """Follows definitions from a kept value back to a source."""

    scope: UserScope
    source: Source
    _holds: dict[int, bool] = field(default_factory=dict)
    _alive: list[Any] = field(default_factory=list)

    def chain(self, thing: Kept) -> list[Definition]:
        """The definitions from a kept value back to the source, the value's own first; empty if none leads there."""
        return self._chain(thing.name, thing.owner, thing.file, thing.line, thing.names, CHAIN, set())

    def _chain(
        self, name: str, owner: Any, file: str, line: int, names: dict[str, Any], left: int, seen: set[Any]
    ) -> list[Definition]:
        if left == 0 or (name, file, id(owner)) in seen:
            return []
        seen.add((name, file, id(owner)))
        for d in reversed(self._definitions(name, owner, file, line)):
            here = self._names(d, owner, names)
            if self._from_source(d.value, here):
                return [d]
            for other in sorted(syntax.names(d.value) - {name}, key=len, reverse=True):
                head, _, attribute = other.rpartition(".")
                thing = _look_up(head, here) if head else None
                if head and (thing is None or not _class_files(thing)):
                    continue
                places = [(d.file, d.statement.lineno)] if not head else [(f, 0) for _, f in _class_files(thing)]
                for where, at in places:
                    spelled = f"self.{attribute}" if head else other
                    further = self._chain(spelled, thing, where, at, here, left - 1, seen)
                    if further:
                        return [d, *further]
        return []

    def _definitions(self, name: str, owner: Any, file: str, line: int) -> list[Definition]:
        if owner is None:
            return self.scope.finished(syntax.definitions(file, name, line)) or self._elsewhere(name)
        kinds = {kind.__name__ for kind, where in _class_files(owner) if where == file}
        tree = syntax.module(file)
        found = []
        for c in ast.walk(tree) if tree is not None else ():
            if isinstance(c, ast.ClassDef) and c.name in kinds:
                for f in c.body:
                    if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        found += list(_given(f, file, name))
        return found

    def _elsewhere(self, name: str) -> list[Definition]:
        """Definitions of a global name in the other cells of a notebook, the latest last."""
        found: list[Definition] = []
        for file in syntax.cells():
            found += syntax.definitions(file, name, sys.maxsize)
        return found

    def _names(self, d: Definition, owner: Any, names: dict[str, Any]) -> dict[str, Any]:
        """What names mean at a definition: in a method, `self` and the names of its class's module and closure."""
        if owner is None:
            return names
        function = inspect.getattr_static(type(owner), d.function, None)
        known = syntax.free_values(function, 0) if inspect.isfunction(function) else {}
        return {**names, **known, "self": owner}

    def _from_source(self, value: ast.AST, names: dict[str, Any]) -> bool:
        """Does an expression read the source, or run something that holds it?"""
        for spelled in syntax.names(value):
            thing = _look_up(spelled, names)
            if thing is not None and (thing is self.source.value or unwrap(thing) is self.source.value):
                return True
        for call in syntax.calls(value):
            for node in (call.func, *call.args, *(k.value for k in call.keywords)):
                spelled = syntax.dotted(node)
                thing = _look_up(spelled, names) if spelled else None
                if thing is None and isinstance(node, ast.Attribute):
                    thing = _look_up(syntax.dotted(node.value), names)  # a method of an object
                if thing is not None and self.holds(thing):
                    return True
        return False

    def holds(self, thing: Any) -> bool:
        """Does running this thing run the source: a layer, model or object that has it, a function that closes over
        it?"""
        if id(thing) not in self._holds:
            self._alive.append(thing)
            self._holds[id(thing)] = _may_hold(thing) and self._reaches(thing)
        return self._holds[id(thing)]

    def _reaches(self, thing: Any) -> bool:
        if way_to(thing, self.source.value):
            return True
        function = getattr(thing, "python_function", thing)
        if not (inspect.isfunction(function) or inspect.ismethod(function)):
            return False
        values = [v for v in syntax.free_values(function).values() if v is not thing]
        return any(
            v is self.source.value
            or unwrap(v) is self.source.value
            or (_may_hold(v) and bool(way_to(v, self.source.value)))
            for v in values
        )


def _may_hold(thing: Any) -> bool:
    """Layers, models, the learner's own objects and functions; not TensorFlow's functions, not tensors."""
    if isinstance(thing, (Eager, type, ModuleType, str, bytes, int, float)):
        return False
    if is_owner(thing) or _class_files(thing) or hasattr(thing, "python_function"):
        return True
    if inspect.ismethod(thing):
        return _may_hold(thing.__self__)
    code = code_of(thing) if callable(thing) else None
    return code is not None and is_user_file(code.co_filename)


def _look_up(spelled: str, names: dict[str, Any]) -> Any:
    """The object that a dotted name means; no property is run for it. None if it is not known."""
    parts = spelled.replace("[", ".[").split(".") if spelled else [""]
    thing = names.get(parts[0])
    for part in parts[1:]:
        if thing is None:
            return None
        thing = dict(children(thing)).get(part) if part.startswith("[") else _attribute(thing, part)
    return thing


def _attribute(thing: Any, name: str) -> Any:
    if isinstance(thing, ModuleType):
        return vars(thing).get(name)
    own = getattr(thing, "__dict__", {})
    if name in own:
        return own[name]
    found = inspect.getattr_static(type(thing), name, None)
    return found.__get__(thing) if inspect.isfunction(found) else None


def _given(function: ast.FunctionDef | ast.AsyncFunctionDef, file: str, name: str) -> Iterator[Definition]:
    """What a function gives a name: an assignment, one to an item of it, or a call that adds to it."""
    for s in ast.walk(function):
        if not isinstance(s, ast.stmt):
            continue
        for target, value in syntax.assigned(s):
            if syntax.dotted(target) == name or syntax.item_of(target) == name:
                yield Definition(file, name, value, s, function.name)
        call = s.value if isinstance(s, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
            if call.func.attr in ("append", "add", "insert") and syntax.dotted(call.func.value) == name:
                yield Definition(file, name, call.args[-1], s, function.name)
