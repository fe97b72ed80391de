"""Where a source comes from in the user's text: its definition, its names, and values made from it before the
run."""

from __future__ import annotations

import ast
import functools
import inspect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from gradlab.doctor.recording.frames import Place, code_of, is_user_file
from gradlab.doctor.recording.sources import Source, is_owner, unwrap
from gradlab.doctor.source_code import syntax


@dataclass
class UserScope:
    """The user's places around one explanation: the loss function and whoever called explain."""

    function: Callable[..., Any] | None
    spots: list[tuple[str, int]] = field(default_factory=list)  # (file, line) whose scopes are searched, in order
    values: dict[str, Any] = field(default_factory=dict)  # names the function takes from outside
    # (file, line, local names, global names) of the learner's frames around the call, innermost first
    frames: list[tuple[str, int, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    arguments: list[Any] = field(default_factory=list)  # what the traced function around the call was given

    def expression(self, source: Source) -> ast.AST | None:
        """How the user spells a source: the expression in a dict literal under its name, or the name itself."""
        for file, line in self.spots:
            found = syntax.dict_expression(file, source.name, line)
            if found is not None:
                return found
        return None

    def aliases(self, source: Source) -> set[str]:
        """Names that stand for the source, or for the object that holds it."""
        found = set()
        expression = self.expression(source)
        if expression is not None:
            d = syntax.dotted(expression)
            while d:
                found.add(d)
                d = d.rpartition(".")[0]
        elif source.name.isidentifier():
            found.add(source.name)
        for n, v in self.values.items():
            if v is source.value or v is source.given:
                found.add(n)
            elif isinstance(v, (list, tuple)) and len(v) < 1000:
                found |= {f"{n}[{i}]" for i, held in enumerate(v) if held is source.value or held is source.given}
            elif isinstance(v, dict) and len(v) < 1000:
                found |= {f"{n}[{k!r}]" for k, held in list(v.items()) if held is source.value or held is source.given}
            elif hasattr(v, "__dict__") and not isinstance(v, (type, ModuleType)) and class_file(v):
                found |= {
                    f"{n}.{a}" for a, held in list(vars(v).items()) if held is source.value or held is source.given
                }
        found.discard("self")
        return found

    def holders(self, variable: Any) -> set[str]:
        """Names of layers, models and modules that have a variable among theirs."""
        found = set()
        for n, v in self.values.items():
            if is_owner(v) and n != "self":
                try:
                    held = getattr(v, "variables", ())
                except ValueError:
                    continue  # a model that is not built has none yet
                if any(unwrap(h) is variable for h in held):
                    found.add(n)
        return found

    def definitions(self, name: str, before: bool = True) -> list[syntax.Definition]:
        """Assignments to a name, seen from the places of the question (those above the place, unless `before` is False)."""
        for file, line in self.spots:
            found = syntax.definitions(file, name, line, before)
            if "." in name:
                known = {d.statement for d in found}
                found += [
                    d for d in syntax.attribute_definitions(file, name.rpartition(".")[2]) if d.statement not in known
                ]
            if not found and "." in name:
                found = syntax.attribute_definitions(file, name.rpartition(".")[2])
            if found:
                return found
        return []

    def finished(self, found: list[syntax.Definition]) -> list[syntax.Definition]:
        """Of the assignments to a name those that may have made its value: not the one that waits for the gradient asked
        for now, where there is another (`grads`, asked first of one tape and then of the next)."""
        waiting = [
            d
            for d in found
            if any(d.file == f and d.statement.lineno <= n <= (d.statement.end_lineno or 0) for f, n in self.spots)
        ]
        return [d for d in found if d not in waiting] or found

    def item_update(self, container: str) -> Place | None:
        """The line that gives an item of a container a value made from one of its items: `w[k] = w[k] - lr * g[k]`."""
        for file, line in self.spots:
            tree = syntax.module(file)
            for scope in syntax.scopes(tree, line) if tree is not None else ():
                for s in syntax.statements(scope):
                    for target, value in syntax.assigned(s):
                        if syntax.item_of(target) == container and any(
                            syntax.item_of(n) == container for n in ast.walk(value)
                        ):
                            return Place(file, s.lineno, getattr(scope, "name", "<module>"))
        return None

    def body(self, name: str) -> ast.AST | None:
        """The function of the user's files that has this name, None if there is none."""
        for file, _ in self.spots:
            tree = syntax.module(file)
            for node in syntax.functions(tree) if tree is not None and name.isidentifier() else ():
                if node.name == name:
                    return node
        return None

    def definition(self, source: Source) -> Place | None:
        """The line that made the source (or the layer that holds it)."""
        places = [*self._attribute_places(source)]
        if places:
            return places[0]
        expression = self.expression(source)
        d = syntax.dotted(expression) if expression is not None else ""
        if isinstance(expression, ast.Call) and syntax.makes_variable(expression):
            file = next(f for f, line in self.spots if syntax.dict_expression(f, source.name, line) is expression)
            return Place(file, expression.lineno)
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
        return self._made_by_function(source) or self._holder_place(source)

    def _made_by_function(self, source: Source) -> Place | None:
        """The line in a function's returned dict or list: `p = weights()` for the source p['w']."""
        for name in sorted(self.aliases(source)):
            container, bracket, step = name.partition("[")
            for d in self.definitions(container)[-1:] if bracket else ():
                body = self.body(syntax.dotted(d.value.func)) if isinstance(d.value, ast.Call) else None
                for r in ast.walk(body) if body is not None else ():
                    if isinstance(r, ast.Return) and r.value is not None:
                        part = syntax.element(r.value, [f"[{step}"])
                        if part is not r.value:
                            return Place(d.file, getattr(part, "lineno", r.lineno), getattr(body, "name", ""))
        return None

    def _attribute_places(self, source: Source) -> list[Place]:
        """`self.name = ...` lines in the user's classes, for a variable that is reached through their objects."""
        way = way_to(self.values, source.value)
        for k, (thing, attribute) in reversed([*enumerate(way)]):
            file = class_file(thing)
            if file:
                found = syntax.attribute_definitions(file, attribute)
                if found:
                    return [d.inside([name for _, name in way[k + 1 :]]) for d in found]
        return []

    def _holder_place(self, source: Source) -> Place | None:
        """The line that made the object (a Keras layer) through which the variable is reached."""
        way = way_to(self.values, source.value)
        name = way[0][1][2:-2] if way and way[0][1].startswith("['") else ""
        found = self.definitions(name) if name else []
        return found[-1].place if found else None


def user_scope(function: Callable[..., Any] | None, caller: FrameType | None) -> UserScope:
    """The places to search for a function, and for the frame that asked."""
    spots: list[tuple[str, int]] = []
    code = code_of(function) if function is not None else None
    if code is not None and is_user_file(code.co_filename):
        spots.append((code.co_filename, code.co_firstlineno))
    if caller is not None:
        spots.append((caller.f_code.co_filename, caller.f_lineno))
    values = syntax.free_values(function) if function is not None else {}
    frames = [(caller.f_code.co_filename, caller.f_lineno, caller.f_locals, caller.f_globals)] if caller else []
    return UserScope(function, spots, values, frames)


def class_file(thing: Any) -> str | None:
    """The file of an object's class, if it is the user's. Its methods know it: the module of a script that has ended is
    not there any more."""
    for method in vars(type(thing)).values():
        code = code_of(method) if inspect.isfunction(method) else None
        if code is not None and is_user_file(code.co_filename):
            return code.co_filename
    try:
        file = inspect.getfile(type(thing))
    except (TypeError, OSError):
        return None
    return file if is_user_file(file) else None


def children(thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, by attribute, item, or name in a closure; nothing of it is called."""
    if isinstance(thing, dict):
        yield from ((f"[{k!r}]", v) for k, v in list(thing.items()))
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        yield from ((f"[{i}]", v) for i, v in enumerate(thing))
    elif isinstance(thing, np.ndarray):
        yield from ((f"[{i}]", v) for i, v in enumerate(thing.flat)) if thing.dtype == object else ()
    elif inspect.isfunction(thing) and thing.__closure__:
        for n, cell in zip(thing.__code__.co_freevars, thing.__closure__, strict=False):
            try:
                yield n, cell.cell_contents
            except ValueError:
                continue  # an empty cell
    elif isinstance(thing, functools.partial):
        yield from (("func", thing.func), *thing.keywords.items(), *((f"[{i}]", v) for i, v in enumerate(thing.args)))
    elif inspect.ismethod(thing):
        yield "__self__", thing.__self__
    elif not isinstance(thing, (type, ModuleType)):
        try:
            # An object may answer for any attribute (AutoGraph's stand-in for an undefined name does): ask Python.
            own = object.__getattribute__(thing, "__dict__")
        # TypeError: TensorFlow's wrapper of a list that was not used says it has a class that it has not.
        except (AttributeError, TypeError):
            return
        if isinstance(own, dict):  # without what the recording keeps in a tape or a tf.function
            yield from ((n, v) for n, v in list(own.items()) if not str(n).startswith("_gradlab"))


def way_to(
    owner: Any, variable: Any, limit: int = 20_000, follow: Callable[[Any, str, Any], bool] | None = None
) -> list[tuple[Any, str]]:
    """(object, attribute) steps from an object down to a variable, the user's own attributes rather than a layer's
    bookkeeping. `follow(thing, attribute, value)`: whether to take that step."""
    queue: deque[tuple[Any, list[tuple[Any, str]]]] = deque([(owner, [])])
    seen = {id(owner)}
    fallback: list[tuple[Any, str]] = []
    while queue and len(seen) < limit:
        thing, way = queue.popleft()
        for name, child in children(thing):
            if follow is not None and not follow(thing, name, child):
                continue
            here = [*way, (thing, name)]
            if child is variable or (hasattr(child, "handle") and unwrap(child) is variable):
                if any(class_file(o) for o, _ in here):
                    return here
                fallback = fallback or here
                continue
            if (
                id(child) in seen
                or len(here) > 8
                or isinstance(child, (str, bytes, int, float, type, ModuleType))
                or name.startswith("_tracker")
            ):
                continue
            seen.add(id(child))
            queue.append((child, here))
    return fallback
