"""What an optimizer's own clipping makes of norms, by the rule that it documents.

`clipnorm` scales a gradient down to that norm, `global_clipnorm` all of them by one factor, `clipvalue` cuts entries.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def cut(optimizer: Any, gradients: list[Any]) -> list[Any]:
    """The gradients as `clipvalue` cuts them; an empty list where that is not what this optimizer does."""
    one, together, value = _settings(optimizer)
    if one or together or not value:
        return []
    return [tf.clip_by_value(g, -float(value), float(value)) for g in gradients]


def clipped(optimizer: Any, sizes: Any, sizes_of_cut: Any) -> Any:
    """The norms after clipping, float32 of shape (gradients,), from those before and those of what `cut` returned."""
    one, together, value = _settings(optimizer)
    if one:
        return tf.minimum(sizes, float(one))
    if together:
        return sizes * tf.minimum(1.0, float(together) / tf.norm(sizes))
    return sizes_of_cut if value else sizes


def _settings(optimizer: Any) -> list[Any]:
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return [getattr(optimizer, n, None) for n in ("clipnorm", "global_clipnorm", "clipvalue")]
