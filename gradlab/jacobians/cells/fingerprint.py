"""Whether a cell is still what it was when its graph was traced: a graph keeps the Python values it met.

Covers the plain attributes of the cell and of the layers inside it, and the plain globals and closure values its `call`
uses.
"""

import inspect
from typing import Any

import numpy as np

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def fingerprint(cell: Any) -> tuple[Any, ...]:
    """A value that differs when a plain attribute, an array, or a function that the cell holds was replaced."""
    parts: list[Any] = []
    _object(cell, parts, set(), 0)
    return tuple(parts)


def plain_attributes(thing: Any) -> dict[str, Any]:
    """Public numbers and texts on the object, and lengths of its lists: what a side effect in Python would change."""
    plain = {k: v for k, v in vars(thing).items() if isinstance(v, (int, float, str)) and not k.startswith("_")}
    return plain | {
        f"len({k})": len(v) for k, v in vars(thing).items() if isinstance(v, list) and not k.startswith("_")
    }


def _object(thing: Any, parts: list[Any], seen: set[int], depth: int) -> None:
    if id(thing) in seen or depth > 3:
        return
    seen.add(id(thing))
    for name, value in vars(thing).items():
        if name.startswith(("_", "built")) and not isinstance(value, (float, int, np.ndarray)):
            continue  # Keras's own book-keeping
        _value(name, value, parts, seen, depth)
    call = getattr(type(thing), "call", None)
    if inspect.isfunction(call):
        for name in call.__code__.co_names:
            if name in call.__globals__:
                _value(name, call.__globals__[name], parts, seen, 4)
        for name, closed in zip(call.__code__.co_freevars, call.__closure__ or (), strict=True):
            _value(name, closed.cell_contents, parts, seen, 4)


def _value(name: str, value: Any, parts: list[Any], seen: set[int], depth: int) -> None:
    if isinstance(value, _PLAIN):
        parts.append((name, value))
    elif isinstance(value, np.ndarray):
        parts.append((name, value.shape, value.tobytes() if value.nbytes <= 1 << 16 else id(value)))
    elif inspect.isroutine(value):
        parts.append((name, id(value)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _value(f"{name}[{key!r}]", item, parts, seen, depth)
    elif isinstance(value, (list, tuple)):
        for k, item in enumerate(value):
            _value(f"{name}[{k}]", item, parts, seen, depth)
    elif depth < 4 and hasattr(value, "__dict__") and hasattr(value, "call"):
        _object(value, parts, seen, depth + 1)
    elif depth < 4 and not hasattr(
        value, "assign"
    ):  # a variable is read anew by the graph; anything else is told by identity
        parts.append((name, id(value)))
