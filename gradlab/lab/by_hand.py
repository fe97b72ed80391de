"""Derivatives by their definition, for scenarios whose result is not one loss: central differences, no tape.

- `differences`: the Jacobian of any function of one tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

WIDTH = 1e-2  # to either side; of inputs of size 1 in float32 this leaves an error below 1 in 1000


def differences(function: Callable[[Any], Any], x: Any, batch: bool = False) -> np.ndarray:
    """d function(x) / d x, of shape (*result, *x): every entry of x is moved by itself. Two calls for each entry.

    `batch`: x holds one example, and `function` takes any number of examples along the first axis, each of which changes its
    own row of the result only. Then all moved copies of x go through one call.

    >>> import tensorflow as tf
    >>> differences(lambda x: x**2, tf.constant([1.0, 3.0])).round(2).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    >>> differences(lambda x: x**2, tf.constant([[1.0, 3.0]]), batch=True).round(2).tolist()
    [[[[2.0, 0.0]], [[0.0, 6.0]]]]
    """
    start = np.array(x)
    moved = []
    for place in np.ndindex(start.shape):
        for sign in (1, -1):
            copy = start.copy()
            copy[place] += sign * WIDTH
            moved.append(copy)
    if batch:
        rows = np.asarray(function(tf.constant(np.concatenate(moved))))
        found = [rows[i : i + 1] for i in range(len(moved))]
    else:
        found = [np.asarray(function(tf.constant(copy))) for copy in moved]
    columns = [(up - down) / (2 * WIDTH) for up, down in zip(found[::2], found[1::2], strict=True)]
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *start.shape)
