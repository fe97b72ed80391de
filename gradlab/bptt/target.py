"""What is differentiated: the compiled loss as `fit` computes it, or the sum of the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends import training_step


def target(model: Any, given: tuple[Any, Any, Any], training: bool) -> tuple[Callable[[], tuple[Any, float]], str]:
    """A function that gives (the scalar to differentiate, the factor that its gradients carry), and what it is in words."""
    x, y, weight = given
    if y is None:
        return lambda: (_sum(training_step.outputs(model, x, training)), 1.0), "the sum of the outputs"
    if getattr(model, "compiled", None) is False or getattr(model, "optimizer", None) is None:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} is not compiled, so y has no loss; expected model.compile(optimizer, "
            "loss) first, or no y: then the sum of the outputs is differentiated"
        )
    if training_step.own(model, "train_step"):
        raise ValueError(
            f"{type(model).__name__} {model.name!r} has a train_step of its own, whose loss is not known; expected the "
            "loss of compile. Move the loss into compute_loss, or leave y out"
        )

    def compute() -> tuple[Any, float]:
        value = training_step.loss(model, x, y, weight, training=training)
        scale = float(training_step.scaled(model, tf.constant(1.0)))
        return value, scale

    return compute, "the compiled loss"


def _sum(outputs: Any) -> Any:
    leaves = [leaf for leaf in tf.nest.flatten(outputs) if leaf is not None and leaf.dtype.is_floating]
    if not leaves:
        raise ValueError("the model's outputs hold no floats: their sum has no gradient. Pass y, and compile a loss")
    return tf.add_n([tf.reduce_sum(tf.cast(leaf, leaves[0].dtype)) for leaf in leaves])
