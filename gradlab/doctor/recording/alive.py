"""Find living objects by their class without disturbing the other threads of the program."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from itertools import chain, compress, starmap
from typing import Any


def instances(kinds: Iterable[type]) -> list[Any]:
    """Every living object of exactly one of these classes that Python's collector knows.

    `gc.get_objects` also returns tuples that another thread has not finished making, and CPython raises in that thread
    (SystemError, or a RuntimeError of TensorFlow's) if anybody else holds such a tuple when it goes on. So the list of
    all objects is asked for, searched and dropped within one call of `list`: all of it is C code, during which no other
    thread runs. Classes are compared by `id`: a metaclass may have an `__eq__` of its own, and `isinstance` runs an
    object's own `__class__`.

    What a program has put aside by `gc.freeze` is not in that list, so it is taken back first: a variable that is not found
    could not be put back. The program's next full collections take longer then; nothing else changes.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
    wanted = {id(k) for k in kinds}
    box: list[list[Any]] = []
    fill = map(box.append, map(gc.get_objects, (None,)))
    kept, again = map(box.__getitem__, (0,)), map(box.__getitem__, (0,))
    chosen = map(map, (wanted.__contains__,), map(map, (id,), map(map, (type,), again)))
    search = chain.from_iterable(map(compress, kept, chosen))
    empty = starmap(box.clear, ((),))  # the list of all objects holds the box too: only this ends the cycle
    return list(chain(fill, search, empty))[1:-1]  # `fill` and `empty` give a None each


def kinds_of(base: type) -> set[type]:
    """A class and all classes made from it."""
    found: set[type] = set()
    todo = [base]
    while todo:
        kind = todo.pop()
        if kind not in found:
            found.add(kind)
            todo += type.__subclasses__(kind)
    return found
