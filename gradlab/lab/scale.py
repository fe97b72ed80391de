"""The colour scale of a scenario: one for both positions and every knob, so that a colour means a number. NumPy only.

- `Scale`: from the smallest to the largest size that has a colour of its own.
- `scale_of`: the scale of a scenario; `fitted`: one for readings that belong to none.
- `LIMITS`: where float32 ends, to be marked on a scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradlab.lab.reading import Side

if TYPE_CHECKING:
    from gradlab.lab.scenario import Scenario

# log10 of a size, and what it means. Half of the spacing of float32 at 1 is 6e-8: adding less changes nothing there.
LIMITS = (
    (float(np.log10(np.finfo(np.float32).eps / 2)), "6e-8: added to a float32 weight of size 1, this is lost"),
    (float(np.log10(np.finfo(np.float32).tiny)), "1.2e-38: the smallest normal float32"),
    (float(np.log10(np.finfo(np.float32).max)), "3.4e+38: the largest float32"),
)


@dataclass(frozen=True)
class Scale:
    """`low` and `high` are log10 of the sizes at the ends. Sizes outside are drawn as the end, and said in words."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"A scale must grow; found {self.low:g} to {self.high:g} (log10), expected low < high.")


def scale_of(scenario: Scenario) -> Scale:
    """The scale that the scenario declares in its `scale`, two sizes such as (1e-6, 1e2)."""
    low, high = scenario.scale
    if not 0 < low < high:
        raise ValueError(
            f"`scale` of `{scenario.name}` is {scenario.scale}; expected two sizes, 0 < low < high, such as (1e-6, 1e2)."
        )
    return Scale(float(np.log10(low)), float(np.log10(high)))


def fitted(sides: Sequence[Side]) -> Scale:
    """A scale for these readings alone: whole decades, two at least, eight at most."""
    sizes = [np.abs(r.values).ravel() for s in sides for r in s.readings if r.values is not None]
    flat = np.concatenate(sizes) if sizes else np.zeros(0)
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not flat.size:
        return Scale(-2.0, 0.0)
    # A size that is a whole decade by design, 1e0, may be stored a rounding error above it.
    high = float(np.ceil(np.log10(flat.max()) - 1e-6))
    return Scale(min(max(float(np.floor(np.log10(flat.min()) + 1e-6)), high - 8), high - 2), high)
