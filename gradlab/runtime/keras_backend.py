"""Keras 3 also runs on JAX and PyTorch, whose operations no TensorFlow tape records: say so, and stop."""

from __future__ import annotations

import sys
from typing import Any


def require_tensorflow(thing: Any, what: str) -> None:
    """Raise NotImplementedError if `thing` is a layer, model or variable of Keras 3 on another backend.

    `what` begins the sentence: what would have worked on it, as "gradlab.Watch". Legacy Keras (`tf_keras`) always runs
    on TensorFlow.
    """
    keras = sys.modules.get("keras")
    ours = any(kind.__module__.split(".")[0] == "keras" for kind in type(thing).__mro__)
    if not ours or keras is None or not hasattr(keras, "backend") or keras.backend.backend() == "tensorflow":
        return
    raise NotImplementedError(
        f"{what} sees only what TensorFlow records, and Keras runs on {keras.backend.backend()} here. What is written in "
        "TensorFlow itself, as a loss on a tf.Variable, can be asked about all the same; for Keras models set "
        "KERAS_BACKEND=tensorflow before Keras is imported"
    )
