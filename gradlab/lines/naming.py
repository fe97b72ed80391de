"""Names of the sources of a question: the keys of a dict, the caller's own names, or the variables'."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import tensorflow as tf

from gradlab.lines.doctor_parts import Eager, unwrap
from gradlab.lines.recorded import Ask

LOOKED = 2_000  # attributes looked through for a name: a caller's objects, one level deep


def named(ask: Ask, names: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    """(name, value) of each source, in the order in which the tape gives its gradients. Names are unique."""
    taken: set[str] = set()
    found: list[tuple[str, Any]] = []
    by_id = {id(v): n for n, v in (names or {}).items()}
    lookup = Lookup(ask)

    def walk(thing: Any, prefix: str) -> None:
        if isinstance(thing, dict):
            for k, v in thing.items():
                walk(v, f"{prefix}/{k}" if prefix else str(k))
        elif isinstance(thing, (list, tuple)):
            for v in thing:
                walk(v, "")
        else:
            name = by_id.get(id(thing)) or prefix or lookup.name(thing) or f"source {len(found)}"
            base, n = name, 2
            while name in taken:
                name, n = f"{base}#{n}", n + 1
            taken.add(name)
            found.append((name, unwrap(thing)))

    walk(ask.sources, "")
    return found


class Lookup:
    """Names for variables and tensors from the frames around a question."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @cached_property
    def _names(self) -> dict[int, str]:
        """{id: name}, made when the first name is asked for: sources in a dict have theirs already."""
        found: dict[int, str] = {}
        budget = LOOKED
        for _, _, names in self._ask.frames:
            for name, value in names.items():
                _add(found, name, value)
            for name, value in names.items():
                attributes = getattr(value, "__dict__", None)
                if not isinstance(attributes, dict) or isinstance(value, (tf.Variable, tf.Tensor, type)):
                    continue
                for inner, thing in list(attributes.items())[: max(budget, 0)]:
                    budget -= 1
                    _add(found, f"{name}.{inner}", thing)
        return found

    def name(self, thing: Any) -> str:
        """The name of a source; "" if nothing names it."""
        own = str(getattr(thing, "path", "") or "")
        if not own and not isinstance(thing, Eager):
            own = str(getattr(thing, "name", "") or "").removesuffix(":0")
        if own.startswith("Variable") or not own:  # TensorFlow's name for a variable without one
            return self._names.get(id(thing)) or self._names.get(id(unwrap(thing))) or own
        return own


def _add(found: dict[int, str], name: str, thing: Any) -> None:
    for value in {id(thing): thing, id(unwrap(thing)): unwrap(thing)}.values():
        if isinstance(value, (tf.Variable, Eager)):
            found.setdefault(id(value), name)
