"""`Watch`: a Keras callback that shows the gradients of the training step itself."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gradlab.watch.columns import column
from gradlab.watch.guard import Guard
from gradlab.watch.recorder import Recorder

READ_SECONDS = 0.25  # Python reads the rings at most this late: a picture is sent at most four times a second
ROWS = 16  # steps that a ring holds: one reading (about 20 us a ring) for 16 short steps keeps its cost under 1 %

_watched: weakref.WeakKeyDictionary[Any, Watch] = weakref.WeakKeyDictionary()


class Watch(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Watch the gradients of `model.fit` while it trains."""

    async_safe = True
    _supports_tf_logs = True

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self.every = every
        self._model: Any = None
        self.params: Any = None
        self._guard: Guard | None = None
        self.columns: list[Any] = []
        self._taken = 0
        self._calls = 0
        self._last_read = 0.0

    def set_model(self, model: Any) -> None:
        self._model = model

    @property
    def model(self) -> Any:
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    _implements_predict_batch_hooks = _implements_test_batch_hooks

    def on_train_begin(self, logs: Any = None) -> None:
        other = _watched.get(self.model)
        if other is not None and other is not self and other.params is self.params:
            raise ValueError("this model is watched already")
        _watched[self.model] = self
        if self._guard is None or self._guard.model is not self.model or not self._guard.fits():
            self.recorder = Recorder(self.model, self.every, max(ROWS, _steps_in_one_call(self.model)))
            self._guard = Guard(self.model, self.recorder, self._arrived)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._guard.arm()

    def _arrived(self) -> None:
        self._calls += 1
        now = time.monotonic()
        if now - self._last_read >= READ_SECONDS or self.recorder.steps() - self._taken >= self.recorder.rows:
            self._read()

    def _read(self) -> None:
        for found in self.recorder.read(self._taken):
            if any(site.kind == "computed" for _, site, _, _ in found["rows"]):
                self.columns.append(column(found, len(self.recorder.names)))
            self._taken = found["step"]
        self._last_read = time.monotonic()

    def on_train_end(self, logs: Any = None) -> None:
        self._read()
        _watched.pop(self.model, None)


def _steps_in_one_call(model: Any) -> int:
    steps = getattr(model, "steps_per_execution", None)  # a number in Keras 3, a variable or None in legacy Keras
    if steps is None:
        steps = getattr(model, "_steps_per_execution", None)
    return int(steps.numpy() if hasattr(steps, "numpy") else steps or 1)
