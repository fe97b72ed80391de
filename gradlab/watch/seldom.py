"""A branch of the training step that nearly never runs, and costs one op while it does not.

`tf.cond` is inlined into the step's graph, with an op for each tensor that a branch reads: hundreds in a model with many
variables. The functional `If` op takes them all as its inputs. It runs its branch on one device, so with a GPU, where a
branch may hold ops that only the CPU has (strings), and under XLA, which compiles either form, it is `tf.cond`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def seldom(condition: Any, branch: Callable[[], Any], other: Any, xla: bool = False) -> Any:
    """`branch()` where the scalar `condition` holds, else the tensor `other`; both of one type.

    In eager mode and while a function is traced. `branch` may read tensors and variables from around it, as in `tf.cond`.
    """
    if xla or tf.executing_eagerly() or tf.config.list_physical_devices("GPU"):
        return tf.cond(condition, branch, lambda: other)
    spec = tf.TensorSpec(other.shape, other.dtype)
    yes = tf.function(lambda _: branch(), autograph=False).get_concrete_function(spec)
    inputs = [other, *yes.captured_inputs]
    same = [spec, *(tf.TensorSpec(t.shape, t.dtype) for t in inputs[1:])]
    no = tf.function(lambda *given: tf.identity(given[0]), autograph=False).get_concrete_function(*same)
    return tf.raw_ops.If(
        cond=condition, input=inputs, Tout=[other.dtype], then_branch=yes, else_branch=no, output_shapes=[other.shape]
    )[0]
