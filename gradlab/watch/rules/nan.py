"""The first gradient that is not finite. An overflow of a loss scale above 1 is normal and is not told.

Where several are not finite in that step, the one nearest to the loss comes first: backpropagation carries NaN from there
to all earlier layers.
"""

from __future__ import annotations

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column


class Rule:
    """Told once."""

    name = "nan"

    def __init__(self) -> None:
        self.said = False

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        bad = [] if self.said or column.overflow else [int(i) for i in np.flatnonzero(column.kinds["not finite"])]
        if not bad:
            return []
        self.said = True
        first = bad[-1]
        what = "NaN" if np.isnan(column.norm[first]) else "Inf"
        others = f" and {len(bad) - 1} more of {len(names)} variables" if len(bad) > 1 else ""
        found = tuple(names[i] for i in reversed(bad))
        words = f"first {what} in the gradient of {names[first]}{others}"
        return [Alarm("nan", column.step, column.step, found, words, "one entry that is not finite is enough")]

    def quiet(self, block: Block, names: list[str]) -> bool:
        return self.said or bool((np.isfinite(block.norm).all(1) | block.overflow).all())

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []
