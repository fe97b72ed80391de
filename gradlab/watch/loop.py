"""The same record from a training loop of your own: norms of the gradients that `watch.step` is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.runtime.outside import outside
from gradlab.watch import histograms, norms, variables
from gradlab.watch.columns import UNSEEN, Column

Take = Callable[[Column, list[str], Callable[[], Any] | None], None]


class Loop:
    """Turns each call into a `Column`. Every n-th is kept, and each with a gradient that is not finite."""

    def __init__(self, every: int, take: Take, late: Callable[[list[Column]], None], histograms: bool = False) -> None:
        self.every, self.take, self.late, self.histograms = every, take, late, histograms
        self.before: dict[int, Any] = {}  # variable -> a copy of it from the last step that was handed it
        self.open: dict[int, Column] = {}  # variable -> the column of that step, whose update is not known yet
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
        moved = self._moved(members)
        sizes = norms.spread(norms.norms([g for g in gradients if g is not None]), gradients)
        drawn = [i for i, g in zip(members, gradients, strict=True) if g is not None] if self.histograms else []
        pictures = [histograms.histogram(g, None) for g in gradients if g is not None] if self.histograms else []
        told = tf.cast(np.nan if loss is None else tf.reduce_sum(loss), tf.float32)
        row = tf.concat([[told], sizes, *([] if moved is None else [moved]), *pictures], 0)

        def arrive(numbers: Any, again: Callable[[], Any] | None) -> None:
            head, rest = np.split(np.asarray(numbers), [1 + len(members)])
            if moved is not None:
                updates, rest = np.split(rest, [2 * len(members)])
                self._close(members, updates)
            parts = dict(zip(drawn, np.split(rest, len(drawn)), strict=True)) if drawn else {}
            self._arrive(head, members, sparse, again, parts, moved is not None)

        if tf.executing_eagerly():
            arrive(row.numpy(), loss_fn)
        else:
            tf.numpy_function(lambda numbers: arrive(numbers, None), [row], [], stateful=True)

    def _moved(self, members: list[int]) -> Any:
        """How far each variable moved since the copy, then the norms of the copies; and new copies. None under a strategy,
        where the copies of a variable differ in kind."""
        if tf.distribute.has_strategy() or not all(
            hasattr(variables.raw(self.watched[i]), "read_value") for i in members
        ):
            return None
        held = [variables.raw(self.watched[i]) for i in members]
        for i, v in zip(members, held, strict=True):
            if i not in self.before:
                zeros = lambda v=v: tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False)  # noqa: E731
                self.before[i] = outside(zeros)
        now = [v.read_value() for v in held]
        old = [self.before[i].read_value() for i in members]
        out = norms.norms([*(a - b for a, b in zip(now, old, strict=True)), *old])
        with tf.control_dependencies([out]):
            for i, value in zip(members, now, strict=True):
                self.before[i].assign(value)
        return out

    def _close(self, members: list[int], updates: np.ndarray) -> None:
        """The updates of the columns that are open for these variables are known now."""
        sizes, weights = np.split(updates, 2)
        done: list[Column] = []
        for i, size, weight in zip(members, sizes, weights, strict=True):
            column = self.open.pop(i, None)
            if column is not None:
                column.update[i], column.weight[i] = size, weight
                done += [column] if not any(column is c for c in done) else []
        self.late(done)

    def close(self) -> None:
        """After the last step: its update is measured too."""
        members = list(self.open)
        if members:
            self._close(members, self._moved(members).numpy())

    def _arrive(
        self,
        numbers: np.ndarray,
        members: list[int],
        sparse: frozenset[int],
        loss_fn: Callable[[], Any] | None,
        parts: dict[int, np.ndarray],
        measured: bool,
    ) -> None:
        self.steps += 1
        if (self.steps - 1) % self.every and np.isfinite(numbers[1:]).all():
            return
        norm, unknown = (np.full(len(self.names), UNSEEN, np.float32) for _ in range(2))
        norm[members] = numbers[1:]
        seen = Column(self.steps, float(numbers[0]), norm, norm.copy(), unknown, unknown.copy(), sparse=sparse)
        seen.histograms = parts
        if measured:
            self.open.update(dict.fromkeys(members, seen))
        self.take(seen, list(self.names), loss_fn)
