"""Import TensorFlow in a thread of its own while the first page is read.

- `begin`: start loading, once; `wait`: until it is done, raising what went wrong; `state`: where it stands.
- `settings`: the Keras version and the device that the notebook chose.
"""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from gradlab.runtime.tf_environment import choose_keras, chosen_keras, set_tf_defaults, silenced


@dataclass
class _Loading:
    thread: threading.Thread | None = None
    ended: bool = False
    error: BaseException | None = None
    summary: str = ""
    device: str = "/CPU:0"
    then: list[Callable[[], None]] = field(default_factory=list)


_loading = _Loading()
_lock = threading.Lock()


def begin(keras: int | None = None, device: str = "/CPU:0", then: Callable[[], None] | None = None) -> None:
    """Choose Keras and device and start loading. `then` is called from the loading thread when it has ended.

    `keras` is 3 or 2; None leaves the choice to the environment, as `import tensorflow` would.
    """
    if keras is not None:
        choose_keras(keras)
    set_tf_defaults()
    with _lock:
        _loading.device = device
        if _loading.thread is not None and _loading.error is None:
            done = _loading.ended
            if then and not done:
                _loading.then.append(then)
        else:
            done = _loading.ended = False
            _loading.error = None
            _loading.then = [then] if then else []
            _loading.thread = threading.Thread(target=_load, name="gradlab-loads-tensorflow", daemon=True)
            _loading.thread.start()
    if then and done:
        then()


def plain() -> None:
    """TensorFlow as `import tensorflow` loads it: no setting of gradlab's, so that a learner's program computes the same
    digits as without gradlab. Waits where a panel's loading has begun."""
    if begun():
        wait()
    else:
        import tensorflow  # noqa: F401


def begun() -> bool:
    """Has anybody called `begin`?"""
    return _loading.thread is not None


def wait() -> None:
    """Block until TensorFlow is there; raises what its import raised. Starts loading if nobody has."""
    if _loading.thread is None:
        begin()
    if _loading.thread is not None:
        _loading.thread.join()
    if _loading.error is not None:
        raise _loading.error


def state() -> tuple[str, str]:
    """("loading" | "ready" | "failed", a sentence for the reader)."""
    if _loading.error is not None:
        return "failed", f"TensorFlow could not be loaded: {type(_loading.error).__name__}: {_loading.error}"
    if _loading.summary:
        return "ready", f"{_loading.summary}, device {_loading.device}"
    return "loading", "TensorFlow is loading in the background; you can read on"


def device() -> str:
    """The device that the notebook chose in its first cell."""
    return _loading.device


def _load() -> None:
    try:
        with silenced():
            import tensorflow as tf

            tf.constant(0.0) + 1.0  # the first operation writes start-up lines of its own
            from gradlab.runtime.devices import check_device

        check_device(_loading.device)
        _still_pyplot()
        keras = "legacy Keras (tf_keras)" if chosen_keras() == 2 else "Keras"
        release = importlib.metadata.version("tf_keras" if chosen_keras() == 2 else "keras")
        _loading.summary = f"TensorFlow {tf.__version__}, {keras} {release}"
    except BaseException as error:  # handed to whoever waits, and shown in the status line
        _loading.error = error
    with _lock:  # what `begin` adds later it calls itself
        _loading.ended, calls = True, list(_loading.then)
    for call in calls:
        call()


def _still_pyplot() -> None:
    """Keep pyplot from drawing a half-made figure of a running cell whenever a widget sends a message.

    JupyterLab hands widget messages to a thread of the kernel, and pyplot's interactive mode redraws on each.
    """
    import matplotlib.pyplot as plt

    plt.ioff()
