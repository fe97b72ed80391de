"""The recorder on TensorFlow's op callbacks. This is the only module of gradlab that touches private TensorFlow API.

What it uses: `tensorflow.python.framework.op_callbacks` (the hook under tf.debugging's own dump and numeric checks)
and `EagerTensor._id`.
`self_test` says whether both do what this module expects; if not, `gradlab.doctor.recording.backends` takes a recorder on
public API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.frames import stack
from gradlab.doctor.recording.trace import Op, Trace

name = "op callbacks"
sees_functions = True  # the call of a tf.function is an op of its own


def key(tensor: Any) -> int:
    """The unique number of an eager tensor, or of a variable's handle."""
    handle = getattr(tensor, "handle", None)
    return int((tensor if handle is None else handle)._id)


def now() -> int:
    """A number larger than the key of every tensor made so far."""
    return int(tf.constant(0)._id)


@contextmanager
def recording(
    trace: Trace,
    *,
    limit: int,
    on_op: Callable[[Op, Any, Any], None],
    tapes: Callable[[], frozenset[int]] = frozenset,
) -> Iterator[None]:
    """Append every eager op of this thread to `trace`; `on_op(op, inputs, outputs)` is called after each."""
    from tensorflow.python.framework import op_callbacks

    ops = trace.ops

    def callback(op_type: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None) -> None:
        if graph is not None:
            return
        if len(ops) >= limit:
            trace.truncated = True
            return
        frames, marks = stack()
        kind = op_type.decode() if isinstance(op_type, bytes) else op_type
        op = Op(
            len(ops), kind, tuple(t._id for t in inputs), tuple(t._id for t in outputs), frames, marks, attrs, tapes()
        )
        trace.add(op, inputs, outputs)
        on_op(op, inputs, outputs)

    trace.first_key = now()
    op_callbacks.add_op_callback(callback)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(callback)


def self_test() -> str:
    """Empty if the private API behaves as expected, else what is wrong."""
    try:
        trace = Trace()
        seen: list[Op] = []
        with recording(trace, limit=100, on_op=lambda op, ins, outs: seen.append(op)):
            one = tf.ones([1])
            two = tf.add(one, 1.0)
        if not any(key(two) in op.outs and key(one) in op.ins for op in seen):
            return "op callbacks did not report tf.add"
        count = len(seen)
        tf.add(two, 1.0)
        if len(seen) != count:
            return "an op callback stayed after it was removed"
        if not key(one) < key(two) < now():
            return "eager tensors are not numbered in order"
    except Exception as error:  # a private API may fail in any way; the caller falls back and says so
        return f"{type(error).__name__}: {error}"
    return ""
