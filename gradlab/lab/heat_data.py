"""Both positions of a switch as one JSON description and one run of float32 bytes, the form the browser draws from.

- `pack`: two `Side`s -> (description, bytes). NumPy only.
- `limits`: the one colour scale that all positions share, in log10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradlab.lab.reading import Kind, Reading, Side, as_rows, format_shape


def limits(sides: Sequence[Side]) -> tuple[float, float]:
    """log10 of the smallest and largest magnitude that gets a colour of its own: two decades at least, eight at most.

    One pair for all positions, so that flipping the switch never rescales a colour.
    """
    sizes = [np.abs(r.values).ravel() for s in sides for r in s.readings if r.values is not None]
    flat = np.concatenate(sizes) if sizes else np.zeros(0)
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not flat.size:
        return -2.0, 0.0
    high = float(np.log10(flat.max()))
    return min(max(float(np.log10(flat.min())), high - 8), high - 2), high


def pack(positions: Sequence[str], sides: Sequence[Side]) -> tuple[dict[str, Any], bytes]:
    """(description, data): tiles by source name, each with one entry per position; offsets count float32 numbers."""
    names = list(dict.fromkeys(r.name for side in sides for r in side.readings))
    chunks: list[np.ndarray] = []
    offset = 0
    tiles = []
    for name in names:
        entries = []
        for side in sides:
            reading = side[name] if name in side.kinds else Reading(name, Kind.MISSING, None, ())
            rows = as_rows(np.zeros(reading.shape) if reading.values is None else reading.values)
            entry = {
                "kind": reading.kind.value,
                "mark": reading.kind.mark,
                "word": reading.kind.word,
                "hatch": reading.kind.hatch,
                "note": reading.note,
                "largest": "" if reading.largest is None else f"{reading.largest:.2e}",
                "shape": list(reading.shape),
                "size": format_shape(reading.shape),
                "rows": rows.shape[0],
                "columns": rows.shape[1],
                "offset": -1,
            }
            if reading.values is not None:
                chunks.append(rows.astype("<f4").ravel())
                entry["offset"] = offset
                offset += rows.size
            entries.append(entry)
        tiles.append({"name": name, "entries": entries})
    low, high = limits(sides)
    description = {"positions": list(positions), "low": low, "high": high, "tiles": tiles}
    return description, b"".join(c.tobytes() for c in chunks)
