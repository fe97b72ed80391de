"""The last exercise: how many parts of a learner's training script do not learn as they should. Never says which.

- `bugs_left`: builds the network, takes a training step, and holds the movement of every part against finite
  differences of the script's own loss. It reads no source code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gradlab.lab.checks import Checked
from gradlab.lab.measure import value_of
from gradlab.runtime.exceptions import sentence
from gradlab.runtime.strict import strict

DIRECTIONS = 12  # directions tried in a part with more entries than this
STEP = 1e-2  # of the central difference
ALIKE = 0.98  # cosine between the movement and the steepest descent that counts as the same direction
# Of the differences where the loss is a staircase: over several steps of height 1 it rises as the smooth one.
WIDE = 1.0
ROUGHLY = 0.9  # the cosine asked for there; the steps of a staircase leave an error that the smooth loss does not have

Script = Callable[[], tuple[Mapping[str, Any], Any]]


def bugs_left(build: Script, train_step: Callable[..., Any], data: Any, parts: int = 5) -> Checked:
    """Count the parts that one training step does not move as plain gradient descent would.

    `build()` returns `net, weights`: net is a dict of `parts` entries, each a layer or a variable. `train_step(net,
    weights, data)` changes the weights and returns the scalar loss from before the change. A part is in order if a step
    moves all its variables, to finite values, and against the slope that central differences of the loss give. Where the
    loss is a staircase (two widths of the difference contradict each other), wide differences are the judge: a
    straight-through gradient counts as right, as it is that of the loss without the jumps.

    Whatever the script raises is reported, not raised. The count is of parts, not of lines, so that two faults in one
    part count once.
    """
    if not strict():  # a page that is compared must not depend on it
        print("measuring every part of your network, some seconds ...", file=sys.stderr)
    try:
        net, weights = build()
        before = [(v, value_of(v)) for v in _variables(net)]
        train_step(net, weights, data)  # some layers make their weights at the first call
        _restore(before)
        good = sum(_learns(part, net, weights, train_step, data) for part in list(net)[:parts])
    except Exception as error:
        return Checked(False, (f"✗  your script raised {sentence(error)}", "Repair that first."))
    left = parts - good
    if left:
        return Checked(False, (f"{left} of {parts} bugs are left.",))
    return Checked(True, (f"0 of {parts} bugs are left. Every part learns.",))


def _learns(part: str, net: Mapping[str, Any], weights: Any, train_step: Callable[..., Any], data: Any) -> bool:
    start = [(v, value_of(v)) for v in _variables(net)]
    own = _variables({part: net[part]})
    if not own:
        return False

    def loss_from(values: list[np.ndarray]) -> float:
        try:
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)
            return float(train_step(net, weights, data))
        finally:
            _restore(start)

    try:
        train_step(net, weights, data)
        moved = [value_of(v) - was for v, was in _only(own, start)]
    finally:
        _restore(start)
    if not all(np.isfinite(m).all() and m.any() for m in moved):
        return False
    here = [was for _, was in _only(own, start)]
    movement = [
        sum(float((m * d).sum()) for m, d in zip(moved, direction, strict=True)) for direction in _directions(here)
    ]

    def slopes(width: float) -> list[float]:
        found = []
        for direction in _directions(here):
            up, down = (loss_from([w + s * width * d for w, d in zip(here, direction, strict=True)]) for s in (1, -1))
            found.append((up - down) / (2 * width))
        return found

    narrow = slopes(STEP)
    if -_cosine(narrow, movement) > ALIKE:
        return True
    if _cosine(narrow, slopes(STEP / 4)) > ALIKE:  # a smooth loss, and the movement is not down its slope
        return False
    return -_cosine(slopes(WIDE), movement) > ROUGHLY


def _cosine(a: list[float], b: list[float]) -> float:
    """0 where one of the two has no direction."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.dot(a, b)) / size if size else 0.0


def _directions(values: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Unit directions over all variables of a part together: its entries one by one, or some seeded random ones."""
    sizes = [v.size for v in values]
    total = sum(sizes)
    if total <= DIRECTIONS:
        rows = np.eye(total)
    else:
        rows = np.random.default_rng(0).standard_normal((DIRECTIONS, total))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for row in rows.astype("float32"):
        pieces = np.split(row, np.cumsum(sizes)[:-1])
        yield [piece.reshape(v.shape) for piece, v in zip(pieces, values, strict=True)]


def _variables(net: Mapping[str, Any]) -> list[Any]:
    """The trainable variables of every part. Raises TypeError for a part that has none to offer."""
    found = []
    for name, part in net.items():
        if hasattr(part, "trainable_variables"):
            found += list(part.trainable_variables)
        elif hasattr(part, "assign"):
            found.append(part)
        else:
            raise TypeError(f"net[{name!r}] is a {type(part).__name__}; expected a layer or a variable.")
    return found


def _only(own: list[Any], start: list[tuple[Any, np.ndarray]]) -> list[tuple[Any, np.ndarray]]:
    values = {id(v): was for v, was in start}
    return [(v, values[id(v)]) for v in own]


def _restore(values: list[tuple[Any, np.ndarray]]) -> None:
    for variable, value in values:
        variable.assign(value)
