"""Both positions of a switch as one JSON description and one run of float32 bytes, the form the browser draws from.

- `pack`: two `Side`s -> (description of the tiles, bytes). NumPy only.
- `compared`: what a wrong gradient is of the right one, in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradlab.lab.reading import Kind, Reading, Side, as_rows, format_shape

Axes = Mapping[str, tuple[str, ...]]
STAMPS = 2**24  # float32 holds every whole number up to here


def pack(sides: Sequence[Side], axes: Axes | None = None, stamp: int = 0) -> tuple[dict[str, Any], bytes]:
    """({"tiles", "stamp", "length"}, data): tiles by source name, each with one entry per position.

    Offsets count float32 numbers after the first, which is `stamp`: traits may arrive one by one, and a page draws only
    when description and numbers carry the same stamp. `axes` names the axes of a source's full array; where one of them
    is "time" and another "unit", the array becomes a framed block for each time step.
    """
    names = list(dict.fromkeys(r.name for side in sides for r in side.readings))
    chunks = [np.array([stamp % STAMPS], "<f4")]
    offset = 0
    tiles = []
    for name in names:
        named = (axes or {}).get(name, ())
        entries, rights = [], []
        for side in sides:
            reading = side[name] if name in side.kinds else Reading(name, Kind.MISSING, None, ())
            array = np.zeros(reading.shape) if reading.values is None else np.asarray(reading.values)
            rows, blocks, summed = _arranged(array, named)
            entry = {
                "kind": reading.kind.value,
                "mark": reading.kind.mark,
                "word": reading.kind.word,
                "hatch": reading.kind.hatch,
                "note": reading.note,
                "largest": "" if reading.largest is None else f"{reading.largest:.2e}",
                "shape": [*_shape_shown(array, named)],
                "size": format_shape(reading.shape),
                "rows": rows.shape[0],
                "columns": rows.shape[1],
                "blocks": blocks,
                "summed": summed,
                "offset": -1,
                "corner": corner(reading.values) if named == ("t", "s") else "",
            }
            if reading.values is not None:
                chunks.append(_as_float32(rows).ravel())
                entry["offset"] = offset
                offset += rows.size
            entries.append(entry)
            rights.append(reading)
        tiles.append(
            {
                "name": name,
                "axes": _axis_words(named),
                "square": named == ("t", "s"),
                "compared": compared(rights[-1], rights[0]),
                "entries": entries,
            }
        )
    return {"tiles": tiles, "stamp": stamp % STAMPS, "length": offset}, b"".join(c.tobytes() for c in chunks)


def corner(values: np.ndarray | None) -> str:
    """The bottom left entry of a T x T map as a power of ten: how much the first input moves the last state.

    >>> corner(np.array([[1.0, 0.0], [3e-60, 1.0]]))
    '1e-60'
    >>> corner(np.zeros((2, 2)))
    'exactly 0'
    """
    if values is None or not values.size:
        return ""
    size = abs(float(values[-1, 0]))
    if not np.isfinite(size):
        return "not finite"
    return f"1e{round(float(np.log10(size))):+d}" if size else "exactly 0"


def _as_float32(rows: np.ndarray) -> np.ndarray:
    """As float32, where a number that is too small or too large for it becomes the last one that it holds: it must not be
    drawn as an exact zero, or as one that is not finite."""
    least, most = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    array = np.asarray(rows)
    held = np.where(np.isfinite(array), np.clip(array, -most, most), array)
    return np.where((held != 0) & (np.abs(held) < least), np.copysign(least, held), held).astype("<f4")


def compared(found: Reading, right: Reading) -> str:
    """Size and direction of a wrong gradient beside the right one; "" where the two can't be compared.

    >>> off = Reading("w", Kind.OK, np.array([3.0, 4.0]), (2,))
    >>> compared(Reading("w", Kind.WRONG, np.array([3.0, 0.0]), (2,)), off)
    '0.60 times as large as the right one, cosine 0.60; 1 of 2 entries are zero where the right one is not'
    """
    if found.kind is not Kind.WRONG or found.values is None or right.values is None:
        return ""
    if found.values.shape != right.values.shape:
        return f"shape {format_shape(found.shape)} where the right one has {format_shape(right.shape)}"
    sizes = np.linalg.norm(found.values), np.linalg.norm(right.values)
    if not (np.isfinite(sizes).all() and all(sizes)):
        return ""
    cosine = float((found.values * right.values).sum() / (sizes[0] * sizes[1]))
    words = f"{sizes[0] / sizes[1]:.2f} times as large as the right one, cosine {cosine:.2f}"
    gone = int(((found.values == 0) & (right.values != 0)).sum())
    if gone:
        words += f"; {gone} of {found.values.size} entries are zero where the right one is not"
    return words


def _arranged(array: np.ndarray, named: tuple[str, ...]) -> tuple[np.ndarray, int, bool]:
    """(rows, number of blocks, whether the rows of a block were added up): see `pack`."""
    if "time" not in named or "unit" not in named:
        return as_rows(array), 0, False
    left = [axis for axis in named if array.ndim == len(named) or axis != "unit"]
    if array.ndim != len(left):
        return as_rows(array), 0, False
    summed = "unit" not in left
    front = [left.index("time")] + ([] if summed else [left.index("unit")])
    moved = np.moveaxis(array, front, range(len(front)))
    return moved.reshape(-1, moved.shape[-1]), array.shape[left.index("time")], summed


def _shape_shown(array: np.ndarray, named: tuple[str, ...]) -> tuple[int, ...]:
    """The shape by which a cell is named: that of the array as it is drawn."""
    rows, blocks, summed = _arranged(array, named)
    if not blocks:
        return array.shape
    return (blocks, rows.shape[1]) if summed else (blocks, rows.shape[0] // blocks, rows.shape[1])


def _axis_words(named: tuple[str, ...]) -> list[str]:
    if "time" in named and "unit" in named:
        return ["unit", f"one frame a time step, in it {named[-1]}"]
    return {("t", "s"): ["state t", "input s"]}.get(named, list(named)) if len(named) == 2 else []
