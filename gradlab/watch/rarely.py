"""A part of a step that hardly ever runs, at next to no cost where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def rarely(wanted: Any, act: Callable[[], None]) -> None:
    """Run `act()` where the scalar bool `wanted` is true. It returns nothing: it writes variables.

    `tf.cond` is made into a switch for each tensor and variable that is used inside, at every step: of the weights before and
    after, that is more ops than all else. The op `If` is one, and looks at its inputs only when it runs. It runs its
    branch on one device, so `tf.cond` it is where there are several devices.
    """

    def acted() -> Any:
        act()
        return tf.constant(0)

    if wanted is True or (tf.executing_eagerly() and bool(wanted)):
        act()
    elif tf.executing_eagerly():
        return
    elif len(tf.config.list_logical_devices()) > 1:
        tf.cond(wanted, acted, lambda: tf.constant(0))
    else:
        then = tf.function(acted, autograph=False).get_concrete_function()
        inputs = then.captured_inputs
        like = [tf.TensorSpec(t.shape, t.dtype) for t in inputs]
        other = tf.function(lambda *given: tf.constant(0), autograph=False).get_concrete_function(*like)
        tf.raw_ops.If(cond=wanted, input=inputs, Tout=[tf.int32], then_branch=then, else_branch=other)
