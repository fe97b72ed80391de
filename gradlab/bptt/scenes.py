"""The pictures of a layer as data, for matplotlib and for the page: NumPy only.

A heatmap's values are log10 of sizes; -inf is exactly zero, NaN not finite, and three codes say what has no size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gradlab.bptt.gates import Gate
from gradlab.bptt.result import LayerThroughTime

NONE, MASKED, ABSENT = 1e30, 2e30, 3e30  # no size of a picture comes near: 10 ** 1e30
DECADES = 12  # a scale's longest: with more, neighbours look alike
LEAST = 2  # and its shortest: a narrower one would make a difference out of rounding


@dataclass
class Scene:
    """One picture of a layer.

    Attributes
    ----------
    key, title
        What it shows, as a name and in words.
    values
        (samples + 1, rows, columns): the mean first, then each sample; for a scene without samples (1, rows, columns).
    rows, columns
        What stands beside each.
    row_word, column_word
        What a row and a column are.
    curve
        A line over the columns and no heatmap; one row.
    mark
        For a curve: a column to mark, or None.
    """

    key: str
    title: str
    values: np.ndarray
    rows: list[str]
    columns: list[str]
    row_word: str
    column_word: str
    curve: bool = False
    mark: float | None = None
    limits: tuple[float, float] = field(default=(-8.0, 4.0))


def scenes(layers: Sequence[LayerThroughTime], most: int) -> list[list[Scene]]:
    """The scenes of each layer, each kind of picture on one scale over all layers. `most`: samples shown beside the mean."""
    out = [_of(layer, most) for layer in layers]
    for key in {s.key.split(" ")[0] for scene in out for s in scene}:
        same = [s for scene in out for s in scene if s.key.split(" ")[0] == key]
        low, high = _limits([s.values for s in same])
        for scene in same:
            scene.limits = (low, high)
    return out


def _of(layer: LayerThroughTime, most: int) -> list[Scene]:
    positions = [str(t) for t in range(layer.steps)]
    shown: list[int | None] = [None, *range(min(layer.samples, most))]
    found = []
    for state in layer.gradients:
        values = np.stack([_state(layer, state, sample) for sample in shown])
        units = [str(u) for u in range(values.shape[1])]
        title = f"|d loss / d {state}|"
        found.append(Scene(f"gradient {state}", title, values, units, positions, "unit", "position"))
    if layer.map is not None and layer.singular is not None and layer.influence is not None:
        values = np.stack([_map(layer, sample) for sample in shown])
        found.append(
            Scene("map", "|d h_t / d x_s|", values, positions, positions, "t, of the state", "s, of the input")
        )
        values = np.stack([_singular(layer, sample) for sample in shown])[:, None]
        title = "largest singular value of each step"
        found.append(Scene("singular", title, values, ["largest singular value"], positions, "", "position", True))
        curve = layer.influence[None, None].copy()
        title = "influence by lag"
        mark = layer.memory
        found.append(Scene("influence", title, curve, ["influence"], positions, "", "lag in steps", True, mark))
    for what, title in (("values", "weights by gate"), ("gradient", "gradients by gate")):
        values, rows = _gates(layer.gates, what)
        units = [str(u) for u in range(values.shape[1])]
        found.append(Scene(f"gates-{what}", title, values[None], rows, units, "weight and gate", "unit"))
    return found


def _log(sizes: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.log10(sizes)
    return np.where(np.isposinf(sizes), np.nan, out)


def _state(layer: LayerThroughTime, state: str, sample: int | None) -> np.ndarray:
    out = _log(layer.size(state, sample))
    masked = layer.masked.all(0) if sample is None else layer.masked[sample]
    out[layer.none[state]] = NONE
    out[masked] = MASKED
    return out.T


def _map(layer: LayerThroughTime, sample: int | None) -> np.ndarray:
    out = layer.norms(sample).copy()
    masked = layer.masked.all(0) if sample is None else layer.masked[sample]
    out[masked] = out[:, masked] = MASKED
    return out


def _singular(layer: LayerThroughTime, sample: int | None) -> np.ndarray:
    assert layer.singular is not None
    if sample is not None:
        out = _log(layer.singular[sample])
        out[layer.masked[sample]] = MASKED
        return out
    counts = ~layer.masked
    number = counts.sum(0)
    total = np.where(counts, layer.singular, 0.0).sum(0)
    return np.where(number > 0, _log(total / np.maximum(number, 1)), MASKED)


def _gates(gates: Sequence[Gate], what: str) -> tuple[np.ndarray, list[str]]:
    parts = [gate.per_unit(what) for gate in gates]
    width = max((gate.values.shape[-1] if gate.values.ndim else 1 for gate in gates), default=0)
    out = np.full((len(parts), width), ABSENT)
    for n, (gate, part) in enumerate(zip(gates, parts, strict=True)):
        own = gate.values.shape[-1] if gate.values.ndim else 1
        out[n, :own] = NONE if part is None else _log(part)
    return out, [gate.name + ("" if gate.trainable else " (frozen)") for gate in gates]


def _limits(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Whole decades around all sizes, so that two layers compare."""
    flat = np.concatenate([v.ravel() for v in values])
    flat = flat[np.isfinite(flat) & (flat < NONE)]
    if not flat.size:
        return -8.0, 4.0
    high = float(np.ceil(flat.max()))
    low = max(float(np.floor(flat.min())), high - DECADES)
    return min(low, high - LEAST), high


def words(value: float) -> str:
    """One value of a scene in words."""
    if value == NONE:
        return "None: no path to the loss"
    if value == MASKED:
        return "masked: no step"
    if value == ABSENT:
        return "no such unit"
    if np.isnan(value):
        return "not finite"
    if value == -np.inf:
        return "exactly 0"
    return f"{10.0**value:.3g}" if abs(value) < 300 else f"10^{value:.1f}"
