"""One panel with all its positions as one string: base 85 of gzip of a header and numbers. NumPy only.

A scene is a tree of JSON. Equal parts of all scenes are stored once, in a pool; the norms in the margins and the arrays of
the heatmaps, which never repeat, go to one run of float32 numbers, equal arrays once. Numbers that another panel, the base, has
too are read from there. `js/unpack.js` reads it again.

Base 85 is that of `base64.b85encode`: four bytes in five characters, none of which is a quote, a backslash or a slash.

- `pack`: positions as `compute` gives them -> the string.
- `unpack`: the same back, as the page has it. For tests, and to see what is in a file.
- `stamp`: what tells whether a string is the one that another was packed with.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

import numpy as np

NORM = "\u0001"  # in the place of a norm: the next number of the position's norms
SIZE = "\u0002"  # in a text: the norm before it, with three digits
_ROUND = Context(prec=3, rounding=ROUND_HALF_UP)  # as a browser rounds; Python rounds a half to the even digit


class _Numbers:
    """Runs of float32 numbers, equal ones once."""

    def __init__(self) -> None:
        self.count = 0
        self.parts: list[bytes] = []
        self._known: dict[bytes, int] = {}

    def add(self, run: bytes) -> int:
        """Where the run begins, in numbers."""
        if run not in self._known:
            self._known[run] = self.count
            self.parts.append(run)
            self.count += len(run) // 4
        return self._known[run]


class _Pool:
    """Trees of JSON, equal parts once. An entry is a primitive, or a list: [-1, *parts] or [shape, *values]."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.shapes: list[list[str]] = []
        self._known: dict[Any, int] = {}

    def add(self, tree: Any, norms: list[float]) -> int:
        """The index of a tree. Norms are taken out of it into `norms`, in the order in which the page reads them."""
        if isinstance(tree, dict):
            keys = list(tree)
            if keys not in self.shapes:
                self.shapes.append(keys)
            return self._entry((self.shapes.index(keys), *self._values(tree, norms)))
        if isinstance(tree, list | tuple):
            return self._entry((-1, *(self.add(part, norms) for part in tree)))
        if isinstance(tree, float) and not math.isfinite(tree):
            tree = None  # JSON has no such number; the kind beside it says what it is
        return self._entry(tree)

    def _values(self, tree: Mapping[str, Any], norms: list[float]) -> list[int]:
        found, norm = [], None
        for key, value in tree.items():
            if key == "norm" and isinstance(value, float) and math.isfinite(value):
                norm = float(np.float32(value))
                norms.append(norm)
                value = NORM
            elif key == "words" and norm is not None and isinstance(value, str):
                value = value.replace(in_words(norm), SIZE, 1)
            found.append(self.add(value, norms))
        return found

    def _entry(self, value: Any) -> int:
        key = value if isinstance(value, tuple) else (type(value).__name__, value)
        if key not in self._known:
            self._known[key] = len(self.entries)
            self.entries.append(list(value) if isinstance(value, tuple) else value)
        return self._known[key]


class Base(NamedTuple):
    """Another panel: its name, and the string that `pack` made of it, which has no base itself."""

    name: str
    text: str


def in_words(norm: float) -> str:
    """A norm with three digits as a browser's `toExponential(2)` rounds it, written as Python writes it.

    >>> in_words(0.0012345), in_words(1.125), in_words(3e100)
    ('1.23e-03', '1.13e+00', '3.00e+100')
    """
    return f"{float(_ROUND.create_decimal(Decimal(norm))):.2e}"


def pack(
    name: str,
    page: Mapping[str, Any],
    grid: Sequence[Mapping[str, Any]],
    positions: Sequence[Mapping[str, Any]],
    trained: Mapping[str, Any],
    start: Mapping[str, Any],
    base: Base | None = None,
) -> str:
    """The string of one panel. `positions` are in the order of `grid.positions`; `trained` belongs to the knobs `start`.
    Whoever reads it needs the string of `base` as well.

    Raises ValueError if there are more or fewer positions than the grid has points, or if the base has a base.
    """
    if len(positions) != math.prod(len(axis["values"]) for axis in grid):
        raise ValueError(f"{name}: {len(positions)} positions do not fill the grid {[len(a['values']) for a in grid]}")
    pool, numbers = _Pool(), _Numbers()
    if base is not None:
        _points(unpack(base.text)["positions"], _Pool(), numbers)  # as they were added when the base was packed
    theirs = len(numbers.parts)
    points = _points(positions, pool, numbers)
    header = {
        "name": name,
        "base": None if base is None else {"name": base.name, "stamp": stamp(base.text)},
        "page": page,
        "axes": grid,
        "start": start,
        "trained": trained,
        "shapes": pool.shapes,
        "pool": pool.entries,
        "points": points,
    }
    words = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    shuffled = np.frombuffer(b"".join(numbers.parts[theirs:]), np.uint8).reshape(-1, 4).T.tobytes()
    whole = len(words).to_bytes(4, "little") + words + shuffled
    return base64.b85encode(gzip.compress(whole, 9, mtime=0)).decode("ascii")


def _points(positions: Sequence[Mapping[str, Any]], pool: _Pool, numbers: _Numbers) -> list[list[int]]:
    """Of each position: its scene in the pool, how many norms it has and where they begin, and where each of its arrays begins."""
    points = []
    for position in positions:
        norms: list[float] = []
        scene = pool.add(position["scene"], norms)
        where = numbers.add(np.asarray(norms, "<f4").tobytes()) if norms else 0
        points.append([scene, len(norms), where, *(numbers.add(run) for run in _runs(position))])
    return points


def _runs(position: Mapping[str, Any]) -> list[bytes]:
    """The arrays of a position, in the order of their offsets. `data` is base64, or the numbers themselves."""
    data = position["data"]
    data = base64.b64decode(data) if isinstance(data, str) else data.tobytes()
    return [data[4 * start : 4 * (start + size)] for start, size in extents(position["scene"])]


def extents(scene: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(offset, size) of each array of a scene, in numbers, in order."""
    entries = [entry for tile in scene["tiles"] for entry in tile["entries"] if entry["offset"] >= 0]
    return sorted((entry["offset"], entry["rows"] * entry["columns"]) for entry in entries)


def stamp(text: str) -> str:
    """The last bytes of a packed panel, gzip's checksum and length, as hexadecimal digits."""
    return base64.b85decode(text)[-8:].hex()


def unpack(text: str, base: str | None = None) -> dict[str, Any]:
    """{"base", "page", "axes", "start", "trained", "positions": [{"scene", "data"}]} of a packed panel; `data` is float32.

    `base` is the string of the panel that the header names as `base`. Raises ValueError if it is needed and not the same.
    """
    header, numbers = _opened(text)
    if header["base"] is not None:
        if base is None or stamp(base) != header["base"]["stamp"]:
            raise ValueError(f"{header['name']}: needs the data of {header['base']['name']} that it was packed with")
        numbers = np.concatenate([_opened(base)[1], numbers])
    positions = []
    for scene_at, count, norms_at, *runs in header["points"]:
        norms = iter(numbers[norms_at : norms_at + count])
        scene = _tree(header, scene_at, norms)
        parts = [numbers[at : at + size] for at, (_, size) in zip(runs, extents(scene), strict=True)]
        positions.append({"scene": scene, "data": np.concatenate([*parts, np.empty(0, "<f4")])})
    return {**{k: header[k] for k in ("base", "page", "axes", "start", "trained")}, "positions": positions}


def _opened(text: str) -> tuple[dict[str, Any], Any]:
    """The header of a packed panel and its own numbers."""
    whole = gzip.decompress(base64.b85decode(text))
    size = int.from_bytes(whole[:4], "little")
    shuffled = np.frombuffer(whole[4 + size :], np.uint8).reshape(4, -1)
    return json.loads(whole[4 : 4 + size]), np.frombuffer(shuffled.T.tobytes(), "<f4")


def _tree(header: Mapping[str, Any], at: int, norms: Any) -> Any:
    entry = header["pool"][at]
    if not isinstance(entry, list):
        return entry
    if entry[0] < 0:
        return [_tree(header, i, norms) for i in entry[1:]]
    found: dict[str, Any] = {}
    for key, i in zip(header["shapes"][entry[0]], entry[1:], strict=True):
        value = _tree(header, i, norms)
        if value == NORM:
            value = float(next(norms))
        elif isinstance(value, str) and SIZE in value:
            value = value.replace(SIZE, in_words(found["norm"]))
        found[key] = value
    return found
