"""The recorder in use: the entry points that `tf_internals` replaces, or none.

There is one recorder. The second one that gradlab had (`sys.setprofile` on the generated op wrappers) needed a tape
beside the user's, which broke programs whose ops have no second derivative, and cost four times the step. The self-test
was run with TensorFlow 2.21; no version is known that fails it. Where it does fail, `available()` is False: nothing is recorded, and a report gives each gradient's status, from public API, without a line.
"""

from __future__ import annotations

from types import ModuleType

from gradlab.doctor.recording import tf_internals


def recorder() -> ModuleType:
    """The module with the recorder's `name` and `key`."""
    return tf_internals


def available() -> bool:
    """Can ops be recorded with this TensorFlow? Tested once, at the first call."""
    return not tf_internals.fault()


def why_not() -> str:
    """One sentence for a report made without a recording; empty if ops can be recorded."""
    fault = tf_internals.fault()
    if not fault:
        return ""
    return (
        f"this TensorFlow cannot be recorded ({fault}), so lines and causes are not known; each status is that of a "
        f"plain tape. A newer gradlab may know this TensorFlow"
    )


def generator_note() -> list[str]:
    """A note for a report that ran something, where TensorFlow's global generator could not be kept; else empty."""
    fault = tf_internals.generator_fault()
    if not fault:
        return []
    return [
        f"TensorFlow's global generator could not be put back (this TensorFlow has no {fault}): what tf.random draws "
        f"after this report is not what it draws without it"
    ]
