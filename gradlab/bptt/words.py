"""A result in sentences. NumPy only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradlab.bptt.result import LayerThroughTime, ThroughTime


def memory_sentence(layer: LayerThroughTime) -> str:
    """How far the layer remembers."""
    curve = layer.influence
    if curve is None:
        return f"its memory is not measured: {layer.refused}"
    known = curve[~np.isnan(curve)]
    if layer.steps == 1:
        return "one step: it has nothing to remember"
    if len(known) < len(curve) and (not len(known) or np.isnan(curve[: len(known)]).any()):
        return "its memory is not measured: a Jacobian is not finite"
    if not np.isfinite(known).any():
        return "what it reads has no influence on its output"
    top = int(np.argmax(known))
    if layer.memory is not None:
        n = f"{layer.memory:.1f}"
        return f"effective memory {n} steps: the influence of what it reads has fallen to a tenth of its largest (lag {top}) after {n} steps"
    last = len(known) - 1
    return (
        f"effective memory longer than {last} steps: the influence of what it reads is still 10^{known[last] - known[top]:.1f} "
        f"of its largest (lag {top}) at the last lag; pass a longer sequence to see where it ends"
    )


def layer_lines(layer: LayerThroughTime) -> list[str]:
    """A layer in a few lines of text."""
    way = ", reads backwards" if layer.backwards else ""
    lines = [f"{layer.name} ({layer.kind}, {layer.samples} samples, {layer.steps} steps{way})"]
    for state in layer.gradients:
        lines.append(f"  |d loss / d {state}| " + _course(layer, state))
    if layer.singular is not None:
        seen = layer.singular[~layer.masked]
        seen = seen[~np.isnan(seen)]
        if len(seen):
            lines.append(f"  largest singular value of a step {seen.min():.3g} to {seen.max():.3g}")
    return [*lines, f"  {layer.sentence}"]


def _course(layer: LayerThroughTime, state: str) -> str:
    """First, middle and last step that has a state, as norms over units."""
    none = layer.none[state]
    held = ~layer.masked.all(0)
    if none[held].all():
        return "None: no path to the loss"
    norms = np.sqrt((layer.size(state) ** 2).sum(1))
    at = np.flatnonzero(held & ~none)
    first, last = int(at[0]), int(at[-1])
    words = [f"step {t}: {_word(norms[t])}" for t in dict.fromkeys((first, (first + last) // 2, last)) if t in at]
    cut = f"; None at {int((none & held).sum())} steps" if (none & held).any() else ""
    hidden = f"; {int(layer.masked.sum())} of {layer.masked.size} steps masked" if layer.masked.any() else ""
    return ", ".join(words) + cut + hidden


def _word(value: float) -> str:
    return "exactly 0" if value == 0 else f"{value:.2e}" if np.isfinite(value) else "not finite"


def alt_text(found: ThroughTime) -> str:
    """The picture in words."""
    told = " ".join(f"{layer.name}: {layer.sentence}." for layer in found.layers)
    return f"Heatmaps through time of {len(found.layers)} recurrent layers, differentiating {found.of}. {told}"
