"""All pictures of some layers with matplotlib's object interface alone: one row for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.bptt.result import LayerThroughTime
from gradlab.bptt.scenes import MASKED, NONE, Scene, scenes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINEAR = 2.0  # log10: singular values below 100 are read off a linear axis
ODD = (
    ("none", "#f4f4f4", "//"),
    ("masked", "#dddddd", ".."),
    ("exactly zero", "black", ""),
    ("not finite", "white", "xx"),
)


def figure(layers: Sequence[LayerThroughTime], sample: int | None, of: str) -> Figure:
    """`sample`: a number of a sample, or None for the mean over all. LookupError for one that is not there."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    fewest = min(layer.samples for layer in layers)
    if sample is not None and not 0 <= sample < fewest:
        raise LookupError(f"sample is {sample!r}; expected 0 to {fewest - 1}, or None for the mean")
    made = scenes(layers, 0 if sample is None else sample + 1)
    across = max(len(row) for row in made)
    width, height = 3.3 * across, 2.9 * len(layers) + 0.6
    fig = Figure(figsize=(width, height))  # laid out by hand: an automatic layout of so many axes takes seconds
    space = {"left": 0.7 / width, "right": 1 - 0.2 / width, "top": 1 - 0.5 / height, "bottom": 1 / height}
    grid: Any = fig.subplots(len(layers), across, squeeze=False, gridspec_kw={**space, "wspace": 0.45, "hspace": 0.5})
    for axes, layer, row in zip(grid, layers, made, strict=True):
        for ax, scene in zip(axes, row, strict=False):
            at = 0 if sample is None or len(scene.values) == 1 else sample + 1
            (_curve if scene.curve else _heat)(fig, ax, scene, scene.values[at])
        for ax in axes[len(row) :]:
            ax.axis("off")
        told = f"{layer.name}: {layer.sentence}"
        axes[0].text(0, 1.14, told, transform=axes[0].transAxes, fontsize=8, weight="bold")
    which = "mean over samples" if sample is None else f"sample {sample}"
    handles = [Patch(facecolor=c, hatch=h, edgecolor="#555555", label=n) for n, c, h in ODD]
    fig.legend(handles=handles, loc="lower center", ncols=4, fontsize=7, title=f"{of}; {which}", title_fontsize=8)
    return fig


def _heat(fig: Figure, ax: Any, scene: Scene, values: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = values.shape
    plain = np.isfinite(values) & (values < NONE)
    image = ax.imshow(
        np.ma.masked_where(~plain, values),
        vmin=scene.limits[0],
        vmax=scene.limits[1],
        cmap="viridis",
        aspect="auto",
        extent=(0, columns, rows, 0),
        interpolation="nearest",
    )
    kinds = (values == NONE, values == MASKED, values == -np.inf, np.isnan(values))
    for cells, (_, colour, hatch) in zip(kinds, ODD, strict=True):
        for i in range(rows):
            for start, end in _runs(cells[i]):
                edge = "#b00020" if hatch == "xx" else "#555555"
                ax.add_patch(
                    Rectangle((start, i), end - start, 1, facecolor=colour, edgecolor=edge, hatch=hatch, linewidth=0)
                )
    _ticks(ax, scene)
    ax.set_ylabel(scene.row_word, fontsize=7)
    named = scene.row_word == "weight and gate"
    ticks = np.arange(rows) if named or rows <= 12 else np.unique(np.linspace(0, rows - 1, 6).astype(int))
    ax.set_yticks(ticks + 0.5, [scene.rows[i] for i in ticks], fontsize=5 if named else 6)
    bar = fig.colorbar(image, ax=ax)
    bar.set_label("log10", fontsize=6)
    bar.ax.tick_params(labelsize=6)


def _curve(_fig: Figure, ax: Any, scene: Scene, values: np.ndarray) -> None:
    line = values[0]
    shown = np.where(np.isfinite(line) & (line < NONE), line, np.nan)
    steps = scene.key == "singular"
    known = shown[~np.isnan(shown)]
    plain = steps and bool(np.all(known < LINEAR))
    shown = 10.0**shown if plain else shown
    ax.plot(np.arange(len(line)) + 0.5, shown, color="black", linewidth=1, marker=".", markersize=3)
    if steps:
        ax.axhline(1 if plain else 0, color="#b00020", linewidth=1, linestyle="--")
        ax.text(0.02, 0.02, "dashed: 1, above it a change can grow", transform=ax.transAxes, fontsize=6)
    if scene.mark is not None:
        ax.axvline(scene.mark + 0.5, color="#b00020", linewidth=1, linestyle="--")
        ax.text(0.02, 0.02, "dashed: a tenth of the largest", transform=ax.transAxes, fontsize=6)
    ax.set_ylabel("" if plain else "log10", fontsize=7)
    ax.tick_params(labelsize=6)
    ax.set_xlim(0, len(line))
    _ticks(ax, scene)


def _ticks(ax: Any, scene: Scene) -> None:
    at: Any = np.unique(np.linspace(0, len(scene.columns) - 1, 5).astype(int)) if scene.columns else []
    ax.set_xticks([t + 0.5 for t in at], [scene.columns[t] for t in at], fontsize=6)
    ax.set_xlabel(scene.column_word, fontsize=7)
    ax.set_title(scene.title, fontsize=8)


def _runs(cells: np.ndarray) -> list[tuple[int, int]]:
    """Where True begins and ends: one rectangle for a run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
