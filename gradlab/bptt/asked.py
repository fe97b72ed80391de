"""What a `train_step` of one's own asks its tapes: the losses that it differentiates, and for which variables.

The step runs as it is. Each call of `tf.GradientTape.gradient` in its thread is noted and then answered as ever; a tape
around the whole step differentiates the same loss for the states afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.sources import unwrap


@dataclass
class Loss:
    """One loss to differentiate."""

    target: Any  # a tensor, or what else a tape takes
    scale: float = 1.0  # the factor that its gradients carry: a loss scale
    sources: set[int] = field(default_factory=set)  # ids of the variables that it was differentiated for
    seed: Any = None  # output_gradients

    def number(self) -> float:
        """Its value: the sum of its entries, without the loss scale."""
        return float(sum(float(tf.reduce_sum(t)) for t in tf.nest.flatten(self.target))) / self.scale


def step_of(model: Any, data: Any) -> Callable[[], list[Loss]]:
    """A function that takes one step of the model's own `train_step` and returns the losses that its tapes were asked for."""

    def run() -> list[Loss]:
        with _noted(model) as found:
            model.train_step(data)
        if not found:
            raise ValueError(
                f"the train_step of {type(model).__name__} {model.name!r} asked no tf.GradientTape for a gradient; expected "
                "one call of tape.gradient in its own thread. Move the loss into compute_loss, or leave y out"
            )
        return found

    return run


def chosen(losses: list[Loss], weights: list[Any]) -> int:
    """Which of the losses trains a layer: the first that was differentiated for one of its weights, else the first."""
    held = {id(unwrap(v)) for v in weights}
    return next((n for n, loss in enumerate(losses) if loss.sources & held), 0)


@contextmanager
def _noted(model: Any) -> Iterator[list[Loss]]:
    found: list[Loss] = []
    scales: dict[int, float] = {}
    kept: list[Any] = []  # scaled losses: an id is unique only while its tensor lives
    thread = threading.get_ident()
    plain = tf.GradientTape.gradient

    def gradient(
        self: Any, target: Any, sources: Any, output_gradients: Any = None, *args: Any, **keywords: Any
    ) -> Any:
        if threading.get_ident() == thread:
            asked = {id(unwrap(s)) for s in tf.nest.flatten(sources)}
            scale = next((scales[id(t)] for t in tf.nest.flatten(target) if id(t) in scales), 1.0)
            found.append(Loss(target, scale, asked, output_gradients))
        return plain(self, target, sources, output_gradients, *args, **keywords)

    scaling = [(o, name) for o in _optimizers(model) for name in ("scale_loss", "get_scaled_loss") if hasattr(o, name)]
    tf.GradientTape.gradient = gradient
    try:
        for optimizer, name in scaling:
            vars(optimizer)[name] = _noting(getattr(optimizer, name), scales, kept)
        yield found
    finally:
        tf.GradientTape.gradient = plain
        for optimizer, name in scaling:
            vars(optimizer).pop(name, None)


def _noting(plain: Callable[..., Any], scales: dict[int, float], kept: list[Any]) -> Callable[..., Any]:
    factor = float(plain(tf.constant(1.0)))

    def scale_loss(loss: Any, *args: Any, **keywords: Any) -> Any:
        scaled = plain(loss, *args, **keywords)
        kept.append(scaled)
        scales[id(scaled)] = factor
        return scaled

    return scale_loss


def _optimizers(model: Any) -> list[Any]:
    """The model's optimizer, and those of its attributes that scale a loss."""
    held = [getattr(model, "optimizer", None), *vars(model).values()]
    return list({id(o): o for o in held if hasattr(o, "scale_loss") or hasattr(o, "get_scaled_loss")}.values())
