"""The static picture of both positions of a switch, for places that show no widget. matplotlib's object API only.

- `picture`: two `Side`s -> `Picture`, a PNG with its alternative text.
- `as_picture`: any figure, with the alternative text that you give.
- `draw`: the same onto a matplotlib `Figure`, to build on.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.lab.heat_data import limits
from gradlab.lab.reading import Kind, Reading, Side, as_rows, format_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A PNG with alternative text. Shown by notebooks as an image; its plain-text form is the alternative text."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def picture(positions: Sequence[str], sides: Sequence[Side]) -> Picture:
    """Every source (columns) at every position (rows), on one colour scale."""
    return as_picture(draw(positions, sides), describe(positions, sides))


def as_picture(figure: Figure, alt: str) -> Picture:
    """Any matplotlib figure as a PNG with its alternative text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return Picture(buffer.getvalue(), alt)


def describe(positions: Sequence[str], sides: Sequence[Side]) -> str:
    """The picture in words, one line a reading, the same on every machine."""
    lines = []
    for position, side in zip(positions, sides, strict=True):
        lines.append(f"{position}:")
        lines += [f"  {reading.words()}" for reading in side.readings]
    return "\n".join(lines)


def draw(positions: Sequence[str], sides: Sequence[Side]) -> Figure:
    """The figure behind `picture`."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    low, high = limits(sides)
    columns = max(len(s.readings) for s in sides)
    figure = Figure(figsize=(2.4 * columns + 1.2, 2.3 * len(sides)), layout="constrained")
    axes = figure.subplots(len(sides), columns, squeeze=False)
    for row, position, side in zip(axes, positions, sides, strict=True):
        row[0].set_ylabel(position, fontsize=8)
        for ax in row[len(side.readings) :]:
            ax.set_axis_off()
        for ax, reading in zip(row, side.readings, strict=False):
            tile(ax, reading, low, high)
    bar = figure.colorbar(ScalarMappable(Normalize(low, high), "viridis"), ax=axes, shrink=0.8)
    bar.set_label("log10 |gradient|", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def tile(ax: Axes, reading: Reading, low: float, high: float) -> None:
    """One reading onto one pair of axes: colour is size (log10), black is exact zero, hatching is everything else."""
    rows = as_rows(np.zeros(reading.shape) if reading.values is None else reading.values)
    extent = (0.0, float(rows.shape[1]), float(rows.shape[0]), 0.0)
    ax.set_facecolor("#f4f4f4")
    ax.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    ax.set_title(f"{reading.name} {format_shape(reading.shape)}\n{reading.kind.mark} {reading.kind.word}", fontsize=8)
    if reading.values is not None:
        size = np.abs(rows).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.ma.masked_where(~np.isfinite(size) | (size == 0), np.log10(size))
        ax.imshow(shown, vmin=low, vmax=high, cmap="viridis", aspect="auto", extent=extent)
        for cells, colour, hatch in ((size == 0, "black", ""), (~np.isfinite(size), "white", "xx")):
            for i, j in zip(*np.nonzero(cells), strict=True):
                ax.add_patch(_patch(j, i, 1, 1, colour, hatch))
    if reading.kind is Kind.WRONG or reading.values is None:
        ax.add_patch(_patch(0, 0, extent[1], extent[2], "none", reading.kind.hatch, wrong=reading.kind is Kind.WRONG))
    if reading.kind is Kind.MISSING:
        for spine in ax.spines.values():
            spine.set_linestyle("--")


def _patch(x: float, y: float, width: float, height: float, colour: str, hatch: str, wrong: bool = False) -> Any:
    from matplotlib.patches import Rectangle

    edge = "white" if wrong else "#555555"
    return Rectangle((x, y), width, height, facecolor=colour, edgecolor=edge, hatch=hatch or None, linewidth=0)
