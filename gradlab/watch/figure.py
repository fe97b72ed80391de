"""A record as a matplotlib figure: the loss above, variables by steps below, on the same axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradlab.watch.columns import NONE, UNSEEN
from gradlab.watch.record import Record
from gradlab.watch.scale import limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHAT = {
    "norm": "log10 |gradient|, as computed",
    "applied": "log10 |gradient|, as applied (clipped, summed)",
    "ratio": "log10 (update / weight)",
}
COLUMNS = 400  # more than a page is wide in pixels of half a point; a longer record is shown by every n-th column


def figure(record: Record, what: str = "norm") -> Figure:
    """Draw with matplotlib's object interface alone. `what`: "norm", "applied" or "ratio"; ValueError for another."""
    if what not in WHAT:
        raise ValueError(f"what is {what!r}; expected one of {', '.join(map(repr, WHAT))}")
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    thin = max(1, -(-len(record.columns) // COLUMNS))
    matrix = record.matrix(what)[:, ::thin].astype(float)
    steps = [c.step for c in record.columns[::thin]]
    rows, columns = matrix.shape
    fig = Figure(figsize=(9, 1.9 + 0.19 * max(rows, 3)), layout="constrained")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=[1, max(rows, 3) / 5])
    low, high = limits(what)
    above.plot(np.arange(columns) + 0.5, record.losses[::thin], color="black", linewidth=1)
    # Along the top, where there is room for a sentence: beside the axis it is cut, or lies on the names below.
    above.set_title(f"loss ({record.loss_word})" if record.loss_word else "loss", fontsize=7, loc="left")
    above.tick_params(labelsize=7)
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.ma.masked_where(~np.isfinite(matrix) | (matrix <= 0), np.log10(np.where(matrix > 0, matrix, np.nan)))
    below.set_facecolor("#f4f4f4")
    if rows and columns:
        below.imshow(
            shown,
            vmin=low,
            vmax=high,
            cmap="viridis",
            aspect="auto",
            extent=(0, columns, rows, 0),
            interpolation="nearest",
        )
    odd = [(matrix == NONE, "none", "//"), (matrix == UNSEEN, "none", ".."), (matrix == 0, "black", "")]
    if what != "ratio":
        odd.append((~np.isfinite(matrix), "white", "xx"))
    for cells, colour, hatch in odd:
        for i in range(rows):
            for start, end in _runs(cells[i]):
                edge = "#b00020" if hatch == "xx" else "#555555"
                below.add_patch(
                    Rectangle((start, i), end - start, 1, facecolor=colour, edgecolor=edge, hatch=hatch, linewidth=0)
                )
    ticks = [int(t) for t in np.unique(np.linspace(0, columns - 1, 6).astype(int))] if columns else []
    below.set_xticks([t + 0.5 for t in ticks], [steps[t] for t in ticks], fontsize=7)
    below.set_yticks(np.arange(rows) + 0.5, record.names, fontsize=6)
    below.set(xlim=(0, max(columns, 1)), ylim=(max(rows, 1), 0), xlabel="step")
    for alarm in record.alarms:
        at = np.searchsorted(steps, alarm.step)
        if at < columns:
            above.axvline(at + 0.5, color="#b00020", linewidth=1, linestyle="--")
    keys = [
        ("black", "", "exactly zero"),
        ("#f4f4f4", "//", "None"),
        ("#f4f4f4", "..", "not passed"),
        ("white", "xx", "not finite"),
    ]
    handles = [Patch(facecolor=c, hatch=h, edgecolor="#555555", label=t) for c, h, t in keys]
    fig.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7)
    bar = fig.colorbar(ScalarMappable(Normalize(low, high), "viridis"), ax=below)
    below.set_title(WHAT[what], fontsize=7, loc="left")  # beside the bar it is cut where there are few variables
    bar.ax.tick_params(labelsize=7)
    return fig


def _runs(cells: np.ndarray) -> list[tuple[int, int]]:
    """Where True begins and ends: one rectangle for a run, as a training has thousands of cells."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def alt_text(record: Record, what: str = "norm") -> str:
    """The picture in words."""
    from gradlab.watch.text import summary

    told = " ".join(f"Alarm at step {a.step}: {a.words}." for a in record.alarms)
    return f"Heatmap of {len(record.names)} variables by {record.steps} steps, {WHAT[what]}; last: {summary(record)}. {told}".strip()
