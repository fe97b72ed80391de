"""Settings that must stand before TensorFlow is imported, and silence while it is. Imports nothing heavy.

- `set_tf_defaults`: environment variables; never overrides what the user has set.
- `silenced`: file descriptor 2 points nowhere for a moment, because TensorFlow's C++ start-up lines obey no setting.
- `choose_keras`: Keras 3 or legacy Keras, refused clearly once TensorFlow is loaded with the other one.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator


def set_tf_defaults() -> None:
    """Fewer log lines and the same last digits on every processor, unless the environment says otherwise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Send what C code writes to standard error to nowhere while the block runs. Python's errors still raise."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def chosen_keras() -> int:
    """2 if the environment asks for legacy Keras, else 3."""
    return 2 if os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true") else 3


def require_keras(version: int) -> None:
    """Raise ValueError for a number that is not 2 or 3; if 2 is asked for, ModuleNotFoundError without tf_keras.

    RuntimeError for a tf_keras that can't draw a random number on this Python: it asks for one below 1e9, a float, which
    Python refuses from 3.12 on. tf_keras 2.19 mended it.
    """
    if version not in (2, 3):
        raise ValueError(f"`keras` is {version!r}; it must be 3 (Keras 3) or 2 (legacy Keras through tf_keras).")
    if version == 2 and importlib.util.find_spec("tf_keras") is None:
        raise ModuleNotFoundError("`keras=2` needs the package tf_keras: pip install 'tf-gradlab[keras2]'.")
    if version == 2 and sys.version_info >= (3, 12):
        release = importlib.metadata.version("tf_keras")
        if tuple(map(int, release.split(".")[:2])) < (2, 19):
            raise RuntimeError(
                f"`keras=2` fails here: tf_keras {release} can't draw random numbers on Python 3.12 and later. "
                "Take TensorFlow and tf_keras 2.19 or later, or Python 3.11."
            )


def choose_keras(version: int) -> None:
    """Make `tf.keras` mean Keras 3 (`version=3`) or legacy Keras (`version=2`, the package tf_keras).

    Raises what `require_keras` does, and RuntimeError when TensorFlow is already loaded with the other Keras: that choice
    is made once, at import.
    """
    require_keras(version)
    if "tensorflow" in sys.modules and version != chosen_keras():
        raise RuntimeError(
            f"TensorFlow is already loaded with Keras {chosen_keras()}, so `keras={version}` comes too late. "
            "Restart the kernel and set it in the first cell."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1" if version == 2 else "0"
