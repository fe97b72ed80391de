"""Whether an exception on a page is raised as well as shown, and which exceptions that is.

- `strict`: GRADLAB_STRICT is set, as in tests and where notebooks are run without anybody who looks at them.
- `not_announced`: the exception in a scenario's `run` that the scenario did not announce.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gradlab.lab.reading import Kind, Side


def strict() -> bool:
    """Whether GRADLAB_STRICT is set to anything but 0."""
    return os.environ.get("GRADLAB_STRICT", "") not in ("", "0")


def not_announced(sides: tuple[Side, Side], breaks: Mapping[str, Any]) -> BaseException | None:
    """The exception in `run` that `breaks`, {source: Kind} of the switched side, does not announce; None without one."""
    for side, announced in zip(sides, ((), breaks.values()), strict=True):
        if side.error is not None and Kind.RAISES not in announced:
            return side.error
    return None
