"""What an optimizer's own clipping makes of norms, by the rule that it documents.

`clipnorm` scales a gradient down to that norm, `global_clipnorm` all of them by one factor, `clipvalue` cuts entries.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.watch import norms


def clipped(optimizer: Any, sizes: list[Any], gradients: list[Any], xla: bool) -> list[Any]:
    """The norms after clipping, in the order of `sizes`; where a gradient is None its entry stays."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    one, together, value = (getattr(optimizer, n, None) for n in ("clipnorm", "global_clipnorm", "clipvalue"))
    there = [g is not None for g in gradients]
    if one:
        return [tf.minimum(s, float(one)) if t else s for s, t in zip(sizes, there, strict=True)]
    if together and any(there):
        total = tf.norm(tf.stack([s for s, t in zip(sizes, there, strict=True) if t]))
        factor = tf.minimum(1.0, float(together) / total)
        return [s * factor if t else s for s, t in zip(sizes, there, strict=True)]
    if value:
        return [
            s if g is None else norms.norm(_cut(g, float(value)), xla) for s, g in zip(sizes, gradients, strict=True)
        ]
    return sizes


def _cut(gradient: Any, value: float) -> Any:
    return tf.clip_by_value(gradient, -value, value)
