"""Both positions of a switch in one table, for the *Measure* cells of the notebooks.

- `side_by_side`: the loss, and for every gradient what it is, its norm, and how the two compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradlab.lab.folded import folded
from gradlab.lab.reading import Reading, Side, format_shape

FOLDED = "Both positions, side by side (after you have flipped)"


@dataclass(frozen=True)
class SideBySide:
    """`off` and `on`, shown as a table of plain text. Two digits of every number, so that it is the same on every machine.

    In a notebook the table is folded: who runs all cells at once should still be able to decide before the answer shows.
    """

    off: Side
    on: Side

    def _repr_html_(self) -> str:
        return folded(self, title=FOLDED)._repr_html_()

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [("gradient of", "off", "norm", "on", "norm", "cosine", "on / off")]
        rows += [_row(self.off[r.name], r) for r in self.on.readings if r.name in self.off.kinds]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        notes = [
            f"{side}, {r.name}: {r.note}"
            for side, readings in (("off", self.off.readings), ("on", self.on.readings))
            for r in readings
            if r.note and self.on.error is None
        ]
        if self.on.error is not None:
            notes += [f"on: {self.on.readings[0].note}"]
        return "\n".join([f"loss: off {_number(self.off.loss)}, on {_number(self.on.loss)}", *lines, *notes])


def side_by_side(off: Side, on: Side) -> SideBySide:
    """What `compare` returned, as a table.

    The norm is the Euclidean one (the root of the sum of squares). The cosine is that of the angle between the two
    gradients: 1 the same direction, 0 at right angles, -1 opposite. The last column is the ratio of the norms. A dash
    stands where there is nothing to compute it from.

    >>> from gradlab.lab.reading import Kind
    >>> one = Side((Reading("w", Kind.OK, np.array([3.0, 4.0]), (2,)),), loss=1.0)
    >>> two = Side((Reading("w", Kind.NONE, None, (2,)),), loss=1.0)
    >>> side_by_side(one, two)
    loss: off 1, on 1
    gradient of  off   norm  on      norm  cosine  on / off
    w 2          ✓ ok  5     ∅ none  -     -       -
    """
    return SideBySide(off, on)


def _row(off: Reading, on: Reading) -> tuple[str, ...]:
    a, b = off.values, on.values
    first, second = _norm(a), _norm(b)
    cosine = ratio = "-"
    if a is not None and b is not None and first and second is not None and np.isfinite(second):
        ratio = _number(second / first)
        if second and a.shape == b.shape:
            cosine = f"{float(np.vdot(a, b)) / (first * second) + 0.0:.2f}"
    name = f"{on.name} {format_shape(off.shape)}"
    return (
        name,
        f"{off.kind.mark} {off.kind}",
        _number(first),
        f"{on.kind.mark} {on.kind}",
        _number(second),
        cosine,
        ratio,
    )


def _norm(values: np.ndarray | None) -> float | None:
    return None if values is None else float(np.linalg.norm(np.ravel(values)))


def _number(value: float | None) -> str:
    """Two significant digits; a dash for no number."""
    return "-" if value is None else "0" if value == 0 else f"{value:.2g}"
