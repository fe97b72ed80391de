"""What an optimizer's own clipping makes of norms, by the rule that it documents.

`clipnorm` scales a gradient down to that norm, `global_clipnorm` all of them by one factor, `clipvalue` cuts entries.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.watch import norms


def clipped(optimizer: Any, sizes: Any, gradients: list[Any], xla: bool) -> Any:
    """The norms after clipping, in the order of `sizes`, both float32 of shape (gradients,)."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    one, together, value = (getattr(optimizer, n, None) for n in ("clipnorm", "global_clipnorm", "clipvalue"))
    if one:
        return tf.minimum(sizes, float(one))
    if together and gradients:
        return sizes * tf.minimum(1.0, float(together) / tf.norm(sizes))
    if value:
        return norms.norms([_cut(g, float(value)) for g in gradients], xla)
    return sizes


def _cut(gradient: Any, value: float) -> Any:
    return tf.clip_by_value(gradient, -value, value)
