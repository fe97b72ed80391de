"""When to raise an alarm: one file a rule, found by being in this folder.

Each file has a class `Rule` with a `name` (as in `stop_on`) and a method `see(column, names, listed)` that is called for
every measured step, in order, and returns alarms; it remembers what it needs, in memory that does not grow with the
steps. `end(step, names, listed)` is called once when training ends. A rule says each thing once.

Python is slow beside a training step of a few milliseconds, so several steps are read together, and `quiet(block, names)`
is asked first: a rule that can tell at a glance that nothing in them matters takes them in at once and answers True. Where
it answers False it has taken in nothing, and `see` gets them one by one.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column


class Watcher(Protocol):
    """What a rule has."""

    name: str

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        """One measured step. `listed`: the variables in model.trainable_variables."""

    def quiet(self, block: Block, names: list[str]) -> bool:
        """Several measured steps: whether none of them can raise an alarm. If so they are taken in, as by `see`."""

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        """Training ends after this step."""


def all_rules() -> list[Watcher]:
    """A fresh rule from each file of this folder, by name."""
    found = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").Rule() for name in found]


def names() -> list[str]:
    """The short names of all rules."""
    return [rule.name for rule in all_rules()]
