"""The check of an exercise: truncated backpropagation through time, against a tape that opens at the beginning of the window.

- `check_truncated`: a learner's gradients of an LSTM cell for windows of several lengths, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.runtime.exceptions import sentence

WINDOW = 4  # of 6 steps: no divisor, as else a stop every `window` steps would pass for one before the last window
TOLERANCE = 1e-6  # of gradients of size 0.01 to 1 in float32, from two orders of the same operations


def check_truncated(truncated: Callable[[Any, Any, int], Any], cell: Any, x: Any) -> str:
    """One line for windows of 1, 4 and all steps: right, or what is wrong with what `truncated(cell, x, window)` returned.

    `cell` is a built LSTM cell, `x` of shape (1, steps, features). The wanted gradients are those of the mean of
    (h - 1)**2 of the last state, from a tape that opens when the steps before the window have been computed. What the
    learner's function raises is told and not raised.
    """
    lines, names = [], [variable.name for variable in cell.trainable_variables]
    for window in (1, WINDOW, int(x.shape[1])):
        steps = "all steps" if window == x.shape[1] else f"{window} step{'s' if window > 1 else ''}"
        lines.append(f"a window of {steps}: {_outcome(truncated, cell, x, window, names)}")
    return "\n".join(lines)


def _outcome(truncated: Callable[[Any, Any, int], Any], cell: Any, x: Any, window: int, names: list[str]) -> str:
    try:
        found = truncated(cell, x, window)
        if not isinstance(found, list | tuple) or len(found) != len(names):
            return f"not yet: expected a list of {len(names)} gradients, one for each trainable variable of the cell"
        if any(g is None for g in found):
            return f"not yet: None for {', '.join(n for n, g in zip(names, found, strict=True) if g is None)}"
        wanted = _wanted(cell, x, window)
        wrong = [n for n, a, b in zip(names, found, wanted, strict=True) if not _same(a, b)]
        return f"not yet: other numbers for {', '.join(wrong)}" if wrong else "right"
    except Exception as error:  # what a learner writes may raise anything; it is told
        return f"not yet: your code raised {sentence(error)}"


def _same(found: Any, wanted: Any) -> bool:
    return np.shape(found) == np.shape(wanted) and np.allclose(found, wanted, atol=TOLERANCE)


def _wanted(cell: Any, x: Any, window: int) -> list[Any]:
    h = c = tf.zeros((1, cell.units))
    start = x.shape[1] - window
    for t in range(start):
        _, [h, c] = cell(x[:, t], [h, c])
    with tf.GradientTape() as tape:
        for t in range(start, x.shape[1]):
            _, [h, c] = cell(x[:, t], [h, c])
        loss = tf.reduce_mean((h - 1) ** 2)
    return list(tape.gradient(loss, cell.trainable_variables))
