"""Puts the recording into a model's train function for one call at a time.

`fit` makes its train function before `on_train_begin` and looks it up at every step. So a second one is made, from a
`train_step` that records, and stands in for the first only between `on_train_batch_begin` and the call that follows.
An exception or a KeyboardInterrupt anywhere else finds the model as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from gradlab.watch.recorder import Recorder

_FUNCTIONS = ("train_function", "train_tf_function")  # the second is legacy Keras', for TensorBoard


class Guard:
    """Stands as `model.train_function` for one call."""

    def __init__(self, model: Any, recorder: Recorder, arrived: Callable[[], None]) -> None:
        self.model, self.recorder, self.arrived = model, recorder, arrived
        self.plain = {name: vars(model).get(name) for name in _FUNCTIONS if name in vars(model)}
        several = model.distribute_strategy.num_replicas_in_sync > 1
        compiled = bool(model.jit_compile) and not model.run_eagerly
        # Under a strategy the sum over replicas must stay where Keras put it.
        self.jit = ("around" if several else "inside") if compiled else "no"
        original = model.train_step
        legacy = _is_legacy(model)

        def watched(data: Any) -> Any:
            # Legacy Keras converts a train_step by AutoGraph (tensors in `if` and `for`); Keras 3 doesn't.
            call = _converted(original) if legacy and not tf.executing_eagerly() else original
            return recorder.step(call, data, self.jit)

        self.step = tf.autograph.experimental.do_not_convert(watched)
        with self._swapped():
            model.make_train_function(force=True)
            self.inner = model.train_function
        self._put_back()

    def arm(self) -> None:
        """Take the place of the train function for the next call; another one (after `compile`) is left alone."""
        if vars(self.model).get("train_function") is self.plain["train_function"]:
            vars(self.model)["train_function"] = self

    def __call__(self, iterator: Any) -> Any:
        self._put_back()
        with self._swapped():
            outputs = self.inner(iterator)
        self.arrived()
        return outputs

    def fits(self) -> bool:
        """Whether the model still has the train function that this guard was made beside."""
        return vars(self.model).get("train_function") is self.plain["train_function"]

    def _put_back(self) -> None:
        vars(self.model).update(self.plain)

    @contextmanager
    def _swapped(self) -> Iterator[None]:
        """`train_step` records, and XLA is left to the recorder; legacy Keras looks both up while it traces."""
        held = vars(self.model)
        jit = [name for name in ("_jit_compile", "jit_compile") if name in held] if self.jit == "inside" else []
        swaps = {"train_step": self.step, **dict.fromkeys(jit, False)}
        before = {name: held[name] for name in swaps if name in held}
        held.update(swaps)
        try:
            yield
        finally:
            for name in swaps:
                if name in before:
                    held[name] = before[name]
                else:
                    del held[name]


def _is_legacy(model: Any) -> bool:
    return any(kind.__module__.startswith("tf_keras.") for kind in type(model).__mro__)


_context: list[Any] = []


def _converted(function: Any) -> Any:
    """The function as AutoGraph converts it, in the state that a tf.function sets for its body."""
    if not _context:

        def note(given: Any) -> Any:
            _context.append(tf.__internal__.autograph.control_status_ctx())
            return tf.constant(0)

        tf.function(note)(tf.constant(0))
    return tf.__internal__.autograph.tf_convert(function, _context[0])
