"""What is differentiated: the compiled loss as `fit` computes it, or the sum of the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gradlab.bptt.asked import Loss, step_of
from gradlab.doctor.frontends import training_step


def target(model: Any, given: tuple[Any, Any, Any], training: bool) -> tuple[Callable[[], list[Loss]], str]:
    """A function that gives the losses to differentiate, and what they are in words."""
    x, y, weight = given
    if y is None:
        return lambda: [Loss(_sum(training_step.outputs(model, x, training)))], "the sum of the outputs"
    if getattr(model, "compiled", None) is False or getattr(model, "optimizer", None) is None:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} is not compiled, so y has no loss; expected model.compile(optimizer, "
            "loss) first, or no y: then the sum of the outputs is differentiated"
        )
    if has_own_step(model, given):
        return step_of(model, training_step.packed(given)), "the loss that its train_step differentiates"

    def compute() -> list[Loss]:
        value = training_step.loss(model, x, y, weight, training=training)
        return [Loss(value, float(training_step.scaled(model, tf.constant(1.0))))]

    return compute, "the compiled loss"


def has_own_step(model: Any, given: tuple[Any, Any, Any]) -> bool:
    """Whether the loss is that of a `train_step` which the user wrote."""
    return given[1] is not None and hasattr(model, "train_step") and training_step.own(model, "train_step")


def _sum(outputs: Any) -> Any:
    leaves = [leaf for leaf in tf.nest.flatten(outputs) if leaf is not None and leaf.dtype.is_floating]
    if not leaves:
        raise ValueError("the model's outputs hold no floats: their sum has no gradient. Pass y, and compile a loss")
    return tf.add_n([tf.reduce_sum(tf.cast(leaf, leaves[0].dtype)) for leaf in leaves])
