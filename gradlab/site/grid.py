"""The positions of a panel's knobs that a site holds: all of them, or an even choice where there are too many.

- `axes`: [{name, values}] for the knobs of a panel's page; `whole`: how many positions the knobs have.
- `positions`: the knobs' values at every point of the grid, in the order of the axes, the last one fastest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 100  # positions of one panel, so that all panels together take minutes: 0.2 to 1.6 CPU seconds each
LEAST = 7  # values of a slider that stay all the same: both ends and five between them, where it begins among these


def axes(knobs: Sequence[Mapping[str, Any]], most: int = MOST) -> list[dict[str, Any]]:
    """[{"name", "values", "of"}] for the knobs of a page: `of` is how many values the knob has in a notebook.

    Where the product of all values is more than `most`, it is thinned to `most` or fewer, the longest axis first, evenly,
    but not below `LEAST` values of an axis; with `most` below `MOST` down to its two ends and where it starts. Choices are
    never thinned. Raises ValueError for `most` below 1.

    >>> knob = {"name": "steps", "type": "range", "low": 1, "high": 9, "step": 1, "start": 4, "options": []}
    >>> axes([knob])[0]["values"], axes([knob], most=4)[0]["values"]
    ([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 4, 6, 9])
    """
    if most < 1:
        raise ValueError(f"a panel needs at least one position; found {most}")
    found = [{"name": k["name"], "values": every(k), "of": len(every(k))} for k in knobs]
    keep = [len(axis["values"]) for axis in found]
    least = 3 if most < MOST else LEAST
    while math.prod(keep) > most:
        longest = max((i for i, k in enumerate(knobs) if k["type"] == "range"), key=lambda i: keep[i], default=-1)
        if longest < 0 or keep[longest] <= least:
            break
        keep[longest] -= 1
        found[longest]["values"] = _thinned(every(knobs[longest]), keep[longest], knobs[longest]["start"])
    return found


def whole(grid: Sequence[Mapping[str, Any]]) -> int:
    """How many positions the knobs have in a notebook."""
    return math.prod(axis["of"] for axis in grid)


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
