"""Where a source comes from in the learner's text: its definition, its names, and values made from it before the run."""

from __future__ import annotations

import ast
import gc
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CellType, FrameType, FunctionType
from typing import Any

from gradlab.doctor import binding
from gradlab.doctor.frames import Place, code_of, is_user_file
from gradlab.doctor.sources import Source


@dataclass
class Scene:
    """The learner's places around one explanation: the loss function and whoever called explain."""

    function: Callable[..., Any] | None
    spots: list[tuple[str, int]] = field(default_factory=list)  # (file, line) whose scopes are searched, in order
    values: dict[str, Any] = field(default_factory=dict)  # names the function takes from outside

    def expression(self, source: Source) -> ast.AST | None:
        """How the learner spells a source: the expression in a dict literal under its name, or the name itself."""
        for file, line in self.spots:
            found = binding.dict_expression(file, source.name, line)
            if found is not None:
                return found
        return None

    def aliases(self, source: Source) -> set[str]:
        """Names that stand for the source, or for the object that holds it."""
        found = set()
        expression = self.expression(source)
        if expression is not None:
            d = binding.dotted(expression)
            while d:
                found.add(d)
                d = d.rpartition(".")[0]
        elif source.name.isidentifier():
            found.add(source.name)
        for n, v in self.values.items():
            if v is source.value or v is source.given:
                found.add(n)
        found.discard("self")
        return found

    def definitions(self, name: str) -> list[binding.Definition]:
        """Assignments to a name, seen from the scene's places."""
        for file, line in self.spots:
            found = binding.definitions(file, name, line)
            if not found and "." in name:
                found = binding.attribute_definitions(file, name.rpartition(".")[2])
            if found:
                return found
        return []

    def definition(self, source: Source) -> Place | None:
        """The line that made the source (or the layer that holds it)."""
        places = [*self._attribute_places(source)]
        if places:
            return places[0]
        expression = self.expression(source)
        d = binding.dotted(expression) if expression is not None else ""
        if not d and source.name.isidentifier():
            d = source.name
        while d:
            found = self.definitions(d)
            if found:
                return found[-1].place
            d = d.rpartition(".")[0]
        for n in sorted(self.aliases(source)):
            found = self.definitions(n)
            if found:
                return found[-1].place
        return self._holder_place(source)

    def _attribute_places(self, source: Source) -> list[Place]:
        """`self.name = ...` lines in the learner's classes, for a variable held as an attribute of their object."""
        out = []
        for owner, attribute in holders(source):
            file = _class_file(owner)
            if file:
                out += [d.place for d in binding.attribute_definitions(file, attribute)]
        return out

    def _holder_place(self, source: Source) -> Place | None:
        """The line that made the library object (a Keras layer) which holds the variable."""
        for owner, _ in holders(source):
            for holder, attribute in attribute_referrers(owner):
                file = _class_file(holder)
                if file:
                    found = binding.attribute_definitions(file, attribute)
                    if found:
                        return found[0].place
            for name in names_of(owner, self):
                found = self.definitions(name)
                if found:
                    return found[-1].place
        return None


def scene(function: Callable[..., Any] | None, caller: FrameType | None) -> Scene:
    """The places to search for a function, and for the frame that asked."""
    spots: list[tuple[str, int]] = []
    code = code_of(function) if function is not None else None
    if code is not None and is_user_file(code.co_filename):
        spots.append((code.co_filename, code.co_firstlineno))
    if caller is not None:
        spots.append((caller.f_code.co_filename, caller.f_lineno))
    values = binding.free_values(function) if function is not None else {}
    return Scene(function, spots, values)


def _class_file(thing: Any) -> str | None:
    try:
        file = inspect.getfile(type(thing))
    except (TypeError, OSError):
        module = type(thing).__dict__.get("call") or type(thing).__dict__.get("__init__")
        code = getattr(module, "__code__", None)
        file = code.co_filename if code is not None else ""
    return file if file and is_user_file(file) else None


def attribute_referrers(thing: Any) -> list[tuple[Any, str]]:
    """(object, attribute name) pairs that hold `thing` directly."""
    found: list[tuple[Any, str]] = []
    for r in gc.get_referrers(thing):
        if isinstance(r, dict):
            keys = [k for k, v in r.items() if v is thing and isinstance(k, str)]
            if keys:
                for o in gc.get_referrers(r):
                    if getattr(o, "__dict__", None) is r:
                        found += [(o, k) for k in keys]
        elif not isinstance(r, (list, tuple, set, CellType, FrameType, FunctionType)) and hasattr(r, "__dict__"):
            try:
                found += [(r, k) for k, v in vars(r).items() if v is thing]
            except TypeError:
                continue  # an object whose __dict__ is not a mapping holds nothing by name
    return found


def holders(source: Source) -> list[tuple[Any, str]]:
    """Objects that hold the variable (or its Keras wrapper) as an attribute."""
    out = []
    for owner, attribute in attribute_referrers(source.value):
        if attribute == "_value" and type(owner).__name__ in ("Variable", "KerasVariable"):
            out += attribute_referrers(owner)
        else:
            out.append((owner, attribute))
    return [(o, a) for o, a in out if not isinstance(o, (Source,))]


def names_of(thing: Any, where: Scene) -> list[str]:
    """Names under which the scene knows an object, or the objects that hold it."""
    direct = [n for n, v in where.values.items() if v is thing]
    if direct:
        return direct
    found = []
    for r in gc.get_referrers(thing):
        if isinstance(r, dict):
            found += [k for k, v in r.items() if v is thing and isinstance(k, str) and "__name__" in r]
        elif isinstance(r, (list, tuple)):
            found += [n for n, v in where.values.items() if v is r]
    return found
