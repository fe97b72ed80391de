"""Which exceptions on a page are raised as well as shown where `strict()` says so.

- `strict`: that of `gradlab.runtime.strict`.
- `not_announced`: the exception in a scenario's `run` that the scenario did not announce.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab.lab.reading import Kind, Side
from gradlab.runtime.strict import strict as strict


def not_announced(sides: tuple[Side, Side], breaks: Mapping[str, Any]) -> BaseException | None:
    """The exception in `run` that `breaks`, {source: Kind} of the switched side, does not announce; None without one."""
    for side, announced in zip(sides, ((), breaks.values()), strict=True):
        if side.error is not None and Kind.RAISES not in announced:
            return side.error
    return None
