"""Draw norm maps, races and costs on a matplotlib Axes that the caller made; no pyplot."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradlab.lab.jacobian_race.race import Cost, Lane


def draw_norms(
    ax: Any, log_norms: Any, *, title: str = "log10 |d h_t / d x_s|", color_range: tuple[float, float] | None = None
) -> Any:
    """A map (T, T) of log10 norms, t down and s across; returns the image, for a colour bar.

    Four things that colour alone would confuse are drawn differently: a number by colour, an exact zero hatched with
    dots, not finite hatched with crosses, and inputs that come after the output (s > t, zero by causality) left empty.
    """
    values = np.asarray(log_norms, dtype=float)
    if values.ndim != 2:
        raise ValueError(f"log_norms has shape {values.shape}; expected (T, T): choose one sample, e.g. norms[0]")
    rows, columns = np.indices(values.shape)
    later = (columns > rows) & np.isneginf(values)
    number = np.isfinite(values)
    low, high = color_range or (
        (float(values[number].min()), float(values[number].max())) if number.any() else (0.0, 1.0)
    )
    image = ax.imshow(np.where(number, values, np.nan), cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    edges = [np.arange(n + 1) - 0.5 for n in reversed(values.shape)]
    for where, hatch, name in (
        (np.isneginf(values) & ~later, "..", "exactly zero"),
        (~number & ~np.isneginf(values), "xx", "not finite"),
    ):
        if where.any():
            ax.pcolor(
                *edges, np.ma.masked_where(~where, np.zeros(values.shape)), hatch=hatch, alpha=0.0, edgecolor="0.3"
            )
            ax.plot([], [], " ", label=f"{hatch}  {name}: {int(where.sum())}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper right", fontsize="small", handlelength=0)
    ax.set(title=title, xlabel="input step s", ylabel="output step t")
    return image


def draw_race(ax: Any, lanes: Sequence[Lane]) -> None:
    """Bars of median seconds on a logarithmic scale; each says in words whether its result was right."""
    for k, lane in enumerate(lanes):
        right = lane.error is not None and lane.error < 1e-4
        ax.barh(
            k, lane.median, color="tab:blue" if right else "white", edgecolor="tab:blue", hatch=None if right else "//"
        )
        verdict = f"error {lane.error:.0e}" if lane.error is not None else f"not the Jacobian: shape {lane.shape}"
        ax.text(lane.median * 1.1, k, f"{_time(lane.median)}, {verdict}", va="center", fontsize="small")
    ax.set_yticks(range(len(lanes)), [lane.name for lane in lanes])
    slowest = max(lane.median for lane in lanes)
    ax.set(xscale="log", xlabel="seconds (median)", xlim=(min(lane.median for lane in lanes) / 3, slowest * 300))


def draw_cost(ax: Any, costs: Sequence[Cost]) -> None:
    """Seconds over T, both logarithmic, with the fitted exponents in the legend."""
    for item, marker in zip(costs, "osd^v<>", strict=False):
        ax.plot(item.steps, item.seconds, marker=marker, label=f"{item.quantity}: T^{item.exponent:.2f}")
    ax.set(xscale="log", yscale="log", xlabel="steps T", ylabel="seconds (median)")
    ax.legend()


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.{0 if seconds >= 0.1 else 1}f} ms"
