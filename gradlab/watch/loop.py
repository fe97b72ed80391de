"""The same record from a training loop of your own: norms of the gradients that `watch.step` is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.watch import norms, variables
from gradlab.watch.columns import NONE, UNSEEN, Column

Take = Callable[[Column, list[str], Callable[[], Any] | None], None]


class Loop:
    """Turns each call into a `Column`. Every n-th is kept, and each with a gradient that is not finite."""

    def __init__(self, every: int, take: Take) -> None:
        self.every, self.take = every, take
        self.steps = 0
        self.names: list[str] = []
        self.watched: list[Any] = []
        self.index: dict[Any, int] = {}

    def step(self, gradients: Any, held: Any, loss: Any, loss_fn: Callable[[], Any] | None) -> None:
        """One step, in eager mode or while a tf.function is traced."""
        gradients, held = list(gradients), list(held)
        if len(gradients) != len(held):
            raise ValueError(
                f"watch.step got {len(gradients)} gradients and {len(held)} variables; expected one gradient (or None) "
                "for each variable, as tape.gradient(loss, variables) returns them"
            )
        for variable, name in zip(held, variables.names(held), strict=True):
            if variables.key(variable) not in self.index:
                self.index[variables.key(variable)] = len(self.names)
                self.names.append(name if name not in self.names else f"{name}#{len(self.names)}")
                self.watched.append(variable)
        members = [self.index[variables.key(v)] for v in held]
        sparse = frozenset(i for i, g in zip(members, gradients, strict=True) if isinstance(g, tf.IndexedSlices))
        sizes = [tf.constant(NONE) if g is None else norms.norm(g) for g in gradients]
        row = tf.stack([tf.cast(np.nan if loss is None else tf.reduce_sum(loss), tf.float32), *sizes])

        def arrive(numbers: Any) -> None:
            self._arrive(np.asarray(numbers), members, sparse, loss_fn)

        if tf.executing_eagerly():
            arrive(row.numpy())
        else:
            tf.numpy_function(lambda numbers: self._arrive(numbers, members, sparse, None), [row], [], stateful=True)

    def _arrive(
        self, numbers: np.ndarray, members: list[int], sparse: frozenset[int], loss_fn: Callable[[], Any] | None
    ) -> None:
        self.steps += 1
        if (self.steps - 1) % self.every and np.isfinite(numbers[1:]).all():
            return
        norm, unknown = (np.full(len(self.names), UNSEEN, np.float32) for _ in range(2))
        norm[members] = numbers[1:]
        seen = Column(self.steps, float(numbers[0]), norm, norm.copy(), unknown, unknown.copy(), sparse=sparse)
        self.take(seen, list(self.names), loss_fn)
