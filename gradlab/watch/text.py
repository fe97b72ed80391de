"""A record as text: a block of one line for each layer, and one sentence. NumPy only.

Sizes are shown by eight blocks of rising height on the record's fixed scale, so that they read without colour; None is
`∅`, "not passed" `?`, exactly zero `0`, not finite `∞`.
"""

from __future__ import annotations

import numpy as np

from gradlab.watch.columns import kind
from gradlab.watch.record import Record
from gradlab.watch.scale import HIGH, LOW
from gradlab.watch.variables_text import layer_of

BLOCKS = "▁▂▃▄▅▆▇█"
MARKS = {"none": "∅", "unseen": "?", "zero": "0", "not finite": "∞"}
WORST = ("not finite", "none", "unseen", "zero")


def mark(value: float) -> str:
    """One character for one norm."""
    found = kind(value)
    if found != "ok":
        return MARKS[found]
    at = (np.log10(value) - LOW) / (HIGH - LOW)
    return BLOCKS[int(np.clip(at * len(BLOCKS), 0, len(BLOCKS) - 1))]


def layers(record: Record, what: str = "norm") -> dict[str, np.ndarray]:
    """One row for each layer: the root of the sum of squares of its variables, or the worst code among them."""
    matrix = record.matrix(what)
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(record.names):
        groups.setdefault(layer_of(name), []).append(i)
    return {layer: np.array([_together(column) for column in matrix[rows].T]) for layer, rows in groups.items()}


def _together(values: np.ndarray) -> float:
    kinds = [kind(float(v)) for v in values]
    for worst in ("not finite", "none"):
        if worst in kinds:
            return float(values[kinds.index(worst)])
    sizes = values[values >= 0]
    return float(np.sqrt((sizes.astype(float) ** 2).sum())) if sizes.size else float(values[0])


def block(record: Record, width: int, height: int) -> list[str]:
    """At most `height` lines of at most `width` characters: each layer's last steps, and its last norm."""
    rows = layers(record)
    left = min(28, max([len(n) for n in rows], default=0))
    room = max(8, width - left - 14)
    lines = []
    for name, values in list(rows.items())[: height - 1]:
        course = "".join(mark(v) for v in values[-room:])
        last = "" if not len(values) else f"{values[-1]:9.2e}" if kind(values[-1]) == "ok" else kind(values[-1])
        lines.append(f"{name[-left:]:<{left}} {course:<{room}} {last:>10}"[:width])
    hidden = len(rows) - (height - 1)
    more = f" ({hidden} layers more)" if hidden > 0 else ""
    lines.append((summary(record) + more)[:width])
    return lines


def summary(record: Record) -> str:
    """The last step in a sentence."""
    if not record.columns:
        return "no step yet"
    last = record.columns[-1]
    kinds = [last.kind(i) for i in range(len(record.names))]
    fine = [float(v) for v, k in zip(last.norm, kinds, strict=False) if k == "ok"]
    sizes = f"|g| {min(fine):.1e} to {max(fine):.1e}" if fine else ""
    words = {"none": "None", "unseen": "not passed"}
    odd = ", ".join(f"{kinds.count(k)} {words.get(k, k)}" for k in WORST if k in kinds)
    sizes = ", ".join(part for part in (sizes, odd) if part) or "no variable"
    loss = "" if np.isnan(last.loss) else f", loss {last.loss:.4g}"
    told = f", {len(record.alarms)} alarm{'s' * (len(record.alarms) > 1)}" if record.alarms else ", no alarm"
    return f"step {last.step}{loss}, {sizes}{told}"
