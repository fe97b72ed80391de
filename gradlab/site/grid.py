"""The positions of a panel's knobs that a site holds: all of them, or an even choice where there are too many.

- `limit`: how many positions a panel with more than `MOST` gets, by what one of them costs.
- `axes`: [{name, values}] for the knobs of a panel's page; `count`: its positions; `whole`: those
  that the knobs have in a notebook.
- `positions`: the knobs' values at every point of the grid, in the order of the axes, the last one fastest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 1_225  # a panel with so many positions has all of them: that is each but `far_past` and the influence map
# A panel with more than that is thinned: to as many as `CALLS` pays for and `BYTES` holds, so that it takes a minute and a megabyte.
# What a position costs is counted in calls of Python functions and not timed: so a site has the same positions wherever it is
# built. A position takes about five times what is counted, for both sides are recorded and measured by finite differences.
CALLS = 35_000_000
BYTES = (
    6_000_000  # of the numbers of one panel: packed they are a quarter of it, and a page with more of it loads slowly
)
FEWEST = 9  # positions of a thinned panel, however costly they are: both ends and the start of each of two knobs
LEAST = 3  # values of a slider that stay in any case: both ends, and where it begins


def limit(calls: int, size: int, most: int = MOST) -> int:
    """How many positions a thinned panel gets at most, if one costs this many calls of Python functions and has this many bytes of
    numbers.

    A square of a whole number, so that a panel with two knobs has as many values of one as of the other, and so that a few calls
    more or less, as another patch release of a library makes, change nothing as a rule. `most` moves all limits: with twice
    `MOST` a panel gets twice the calls and the bytes.

    >>> limit(10_000, 1_000), limit(275_000, 1_000), limit(10_000_000, 1_000), limit(275_000, 1_000, most=4)
    (1225, 121, 9, 4)
    """
    paid, held = CALLS * most // MOST // max(calls, 1), BYTES * most // MOST // max(size, 1)
    return min(most, max(FEWEST, math.isqrt(min(paid, held)) ** 2))


def axes(knobs: Sequence[Mapping[str, Any]], most: int = MOST) -> list[dict[str, Any]]:
    """[{"name", "values", "of"}] for the knobs of a page: `of` is how many values the knob has in a notebook.

    Where the product of all values is more than `most`, it is thinned to `most` or fewer, the longest axis first, evenly,
    but not below `LEAST` values of an axis. Choices are never thinned. Raises ValueError for `most` below 1.

    >>> knob = {"name": "steps", "type": "range", "low": 1, "high": 9, "step": 1, "start": 4, "options": []}
    >>> axes([knob])[0]["values"], axes([knob], most=4)[0]["values"]
    ([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 4, 6, 9])
    """
    if most < 1:
        raise ValueError(f"a panel needs at least one position; found {most}")
    found = [{"name": k["name"], "values": every(k), "of": len(every(k))} for k in knobs]
    keep = [len(axis["values"]) for axis in found]
    while math.prod(keep) > most:
        longest = max((i for i, k in enumerate(knobs) if k["type"] == "range"), key=lambda i: keep[i], default=-1)
        if longest < 0 or keep[longest] <= LEAST:
            break
        keep[longest] -= 1
        found[longest]["values"] = _thinned(every(knobs[longest]), keep[longest], knobs[longest]["start"])
    return found


def whole(grid: Sequence[Mapping[str, Any]]) -> int:
    """How many positions the knobs have in a notebook."""
    return math.prod(axis["of"] for axis in grid)


def count(grid: Sequence[Mapping[str, Any]]) -> int:
    """How many positions the grid has."""
    return math.prod(len(axis["values"]) for axis in grid)


def positions(grid: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The knobs at every point of the grid.

    >>> positions([{"name": "a", "values": [1, 2]}, {"name": "b", "values": ["x"]}])
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    return [
        dict(zip([axis["name"] for axis in grid], point, strict=True))
        for point in itertools.product(*(axis["values"] for axis in grid))
    ]


def every(knob: Mapping[str, Any]) -> list[Any]:
    """All values that a knob has. A slider's are the numbers that the page's control can stand at, and its start."""
    if knob["type"] == "choice":
        return list(knob["options"])
    low, step = knob["low"], knob["step"]
    count = round((knob["high"] - low) / step) + 1
    if type(step) is int:
        return [low + i * step for i in range(count)]
    digits = max(0, 2 - math.floor(math.log10(step)))  # the page's control counts in decimals, not in binary fractions
    values = {round(low + i * step, digits) for i in range(count)} | {float(knob["start"])}
    return sorted(v for v in values if v <= knob["high"])


def _thinned(values: list[Any], count: int, start: Any) -> list[Any]:
    """`count` values, evenly chosen, with both ends and the start among them."""
    places = {round(i * (len(values) - 1) / (count - 1)) for i in range(count)}
    begun = values.index(start)
    if begun not in places:
        inner = places - {0, len(values) - 1}
        places -= {min(inner, key=lambda place: (abs(place - begun), place))} if inner else set()
        places.add(begun)
    return [values[i] for i in sorted(places)]
