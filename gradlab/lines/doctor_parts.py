"""What line gradients take from the doctor, and from TensorFlow's private API: in this one module.

- from the doctor: which files are the learner's, what a source is, and one op run again by itself;
- private in TensorFlow: op callbacks (the hook under `tf.debugging`'s own dump) and the counter that numbers eager
  tensors. Without the counter, a value that Python handed in is not told to a line; everything else stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis.rerun_op import call as rerun
from gradlab.doctor.frontends.explanation import check_loss
from gradlab.doctor.frontends.progress import Progress
from gradlab.doctor.frontends.training_step import is_model
from gradlab.doctor.op_types import READS
from gradlab.doctor.recording.frames import code_of, is_user_file
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import FLOATS, Eager, collect, is_owner, unwrap, watched
from gradlab.doctor.recording.tf_internals import key, number_of, op_def

__all__ = ["FLOATS", "READS", "Eager", "Progress", "Snapshot", "call_again", "check_loss", "code_of", "collect", "is_model", "is_owner", "is_user_file", "key", "number_of", "ops_heard", "shape_of", "stateful", "uid", "unwrap", "watch_values", "watched"]  # fmt: skip


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of a tensor or variable; () for anything without one."""
    try:
        return tuple(int(n) for n in value.shape)
    except (AttributeError, TypeError, ValueError):
        return ()


@lru_cache(maxsize=2_000)
def stateful(kind: str) -> bool:
    """Does an op of this type keep or change a state, as far as TensorFlow's own definition says? True where there is none."""
    definition = op_def(kind)
    return definition is None or bool(definition.is_stateful)


def uid() -> Callable[[], int] | None:
    """The counter behind these numbers, None if this TensorFlow has none."""
    from tensorflow.python.framework import ops

    found = getattr(ops, "uid", None)
    return found if callable(found) else None


def watch_values(tape: Any, tensors: list[Any]) -> None:
    """As `tape.watch(tensors)` for tensors known to be floats, without looking through nested structures: it is called
    after every op. On the public method where TensorFlow's own tape is not where it is expected."""
    inner = getattr(tape, "_tape", None)
    if inner is None:
        tape.watch(tensors)
        return
    from tensorflow.python.eager import tape as tapes

    for t in tensors:
        tapes.watch(inner, t)


@contextmanager
def ops_heard(callback: Callable[..., None]) -> Iterator[None]:
    """Call `callback(op_type, inputs, attrs, outputs, op_name, graph)` after every op of this thread."""
    from tensorflow.python.framework import op_callbacks

    op_callbacks.add_op_callback(callback)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(callback)


def call_again(op: Any, inputs: list[Any]) -> list[Any] | None:
    """The outputs of a recorded op run again by itself with other inputs; None if it cannot be."""
    out = rerun(op, inputs)
    if out is None:
        return None
    return [t for t in (out if isinstance(out, (list, tuple)) else [out]) if isinstance(t, tf.Tensor)]
