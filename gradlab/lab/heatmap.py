"""The static picture of both positions of a switch, for places that show no widget. matplotlib's object API only.

- `picture`: two `Side`s -> `Picture`, a PNG with its alternative text.
- `as_picture`: any figure, with the alternative text that you give.
- `draw`: the same onto a matplotlib `Figure`, to build on; `tile`: one reading onto one pair of axes.

All text is written as it stands: a `$` in a name is a dollar sign and not the beginning of a formula.
"""

from __future__ import annotations

import base64
import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.lab.reading import Kind, Reading, Side, as_rows, format_shape
from gradlab.lab.scale import LIMITS, Scale, fitted
from gradlab.runtime.arguments import no_string

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A PNG with alternative text. Shown by notebooks as an image; its plain-text form is the alternative text."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        words = " ".join(self.alt.split())  # nbconvert looks for them in the metadata
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": words}}

    def __repr__(self) -> str:
        return self.alt


def picture(positions: Sequence[str], sides: Sequence[Side], scale: Scale | None = None) -> Picture:
    """Every source (columns) at every position (rows), on one colour scale: the given one, or one fitted to these.

    Colour is log10 of the size of an entry. TypeError where `positions` is a string and no list of names.

    >>> import gradlab
    >>> from gradlab.lab.reading import Kind, Reading, Side
    >>> side = Side((Reading("w", Kind.NONE, None, (2,)),))
    >>> gradlab.picture(["on"], [side])
    on:
      w 2: ∅ None: no path to the loss
    """
    no_string(positions, "positions")
    return as_picture(draw(positions, sides, scale), describe(positions, sides))


def as_picture(figure: Figure, alt: str) -> Picture:
    """Any matplotlib figure as a PNG with its alternative text."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # matplotlib's font lacks many signs that a name may have; they become boxes, and the words beside have them.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(buffer, format="png", dpi=100)
    return Picture(buffer.getvalue(), alt)


def describe(positions: Sequence[str], sides: Sequence[Side]) -> str:
    """The picture in words, one line a reading, the same on every machine."""
    lines = []
    for position, side in zip(positions, sides, strict=True):
        lines.append(f"{position}:")
        lines += [f"  {reading.words()}" for reading in side.readings]
    return "\n".join(lines)


def draw(positions: Sequence[str], sides: Sequence[Side], scale: Scale | None = None) -> Figure:
    """The figure behind `picture`."""
    from matplotlib.figure import Figure

    scale = scale or fitted(sides)
    columns = max(1, max(len(s.readings) for s in sides))
    figure = Figure(figsize=(2.4 * columns + 1.2, 2.3 * len(sides)), layout="constrained")
    axes = figure.subplots(len(sides), columns, squeeze=False)
    for row, position, side in zip(axes, positions, sides, strict=True):
        row[0].set_ylabel(textwrap.fill(position[:200], 26), fontsize=8, parse_math=False)
        for ax in row[len(side.readings) :]:
            ax.set_axis_off()
        for ax, reading in zip(row, side.readings, strict=False):
            tile(ax, reading, scale)
    colour_bar(figure, axes, scale)
    return figure


def colour_bar(figure: Figure, axes: Any, scale: Scale, **place: Any) -> None:
    """The scale's bar beside these axes, with what float32 can't hold marked where the scale reaches there."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(scale.low, scale.high), "viridis"), ax=axes, **(place or {"shrink": 0.8})
    )
    bar.set_label("log10 |gradient|", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    for at, _ in LIMITS:
        if scale.low < at < scale.high:
            bar.ax.axhline(at, color="#b00020", linewidth=1.5)


def tile(ax: Axes, reading: Reading, scale: Scale, title: bool = True) -> None:
    """One reading onto one pair of axes: colour is size (log10), black is exact zero, hatching is everything else."""
    rows = as_rows(np.zeros(reading.shape) if reading.values is None else reading.values)
    extent = (0.0, float(rows.shape[1]), float(rows.shape[0]), 0.0)
    ax.set_facecolor("#f4f4f4")
    ax.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    if title:
        words = f"{reading.name[:60]} {format_shape(reading.shape)}\n{reading.kind.mark} {reading.kind.word}"
        ax.set_title(words, fontsize=8, parse_math=False)
    if reading.values is not None:
        size = np.abs(rows).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.ma.masked_where(~np.isfinite(size) | (size == 0), np.log10(size))
        ax.imshow(shown, vmin=scale.low, vmax=scale.high, cmap="viridis", aspect="auto", extent=extent)
        for cells, colour, hatch in ((size == 0, "black", ".."), (~np.isfinite(size), "white", "xx")):
            if cells.any():
                ax.add_patch(_patch(_cells(cells), colour, hatch, "white" if colour == "black" else "#b00020"))
    if reading.kind is Kind.WRONG or reading.values is None:
        edge = "white" if reading.kind is Kind.WRONG else "#555555"
        ax.add_patch(_patch(_cells(np.ones((1, 1), bool), extent[1], extent[2]), "none", reading.kind.hatch, edge))
    if reading.kind is Kind.MISSING:
        for spine in ax.spines.values():
            spine.set_linestyle("--")


def _cells(chosen: np.ndarray, width: float = 1.0, height: float = 1.0) -> Any:
    """One path around all chosen cells, a box for each run in a row: one patch is drawn at once, 90,000 are not."""
    from matplotlib.path import Path

    edges = np.diff(np.pad(chosen.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (row, left), (_, right) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    box = np.stack([[left, row], [right, row], [right, row + 1], [left, row + 1], [left, row]]).astype(float)
    codes = np.array([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], np.uint8)
    corners = box.transpose(2, 0, 1).reshape(-1, 2) * (width, height)
    return Path(corners, np.tile(codes, len(row)))


def _patch(path: Any, colour: str, hatch: str, edge: str) -> Any:
    from matplotlib.patches import PathPatch

    return PathPatch(path, facecolor=colour, edgecolor=edge, hatch=hatch or None, linewidth=0)
