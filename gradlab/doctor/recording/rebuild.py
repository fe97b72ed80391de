"""A persistent tape that knows the ops of a record, although they ran long ago. Nothing is computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.tf_internals import EagerTensor

# Values of these types are watched, and the handles of variables. Not the handles of iterators and tables, whose ops
# have no gradient and would refuse.
WATCHED = frozenset({tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128})
FUNCTIONS = ("__forward_", "__inference_", "__backward_")  # an op of this name is the call of a tf.function


@dataclass(slots=True)
class Step:
    """One op of a record, or (with `backward`) one operation that told the tapes its own backward function."""

    number: int  # of the op in the trace
    type: str
    ins: list[Any]
    attributes: tuple[Any, ...] | None
    outs: list[Any]
    backward: Any
    stopped: bool  # it ran while recording was stopped on the thread


class Rebuilt:
    """The tape of a record, made when it is first needed.

    Every value that has a gradient is watched, so each one's gradient can be asked; with `only`, the outputs of the ops
    with these numbers alone (and `also`, which are watched from the start).
    """

    def __init__(self, steps: list[Step], only: set[int] | None = None, also: tuple[Any, ...] = ()) -> None:
        self.steps, self.only, self.also = steps, only, also
        self._tape: Any = None

    def tape(self) -> Any:
        if self._tape is None:
            self._tape = self._build()
        return self._tape

    def _build(self) -> Any:
        tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
        with tf_internals.recording_to(None), tape:
            known: set[int] = set()

            def watch(tensors: list[Any]) -> None:
                fresh = []
                for t in tensors:
                    handle = t if isinstance(t, EagerTensor) else getattr(t, "handle", None)
                    if isinstance(handle, EagerTensor) and tf_internals.key(handle) not in known:
                        known.add(tf_internals.key(handle))
                        if handle.dtype in WATCHED or tf_internals.is_variable(handle):
                            fresh.append(handle)
                if fresh:
                    tape.watch(fresh)

            watch(list(self.also))
            for step in self.steps:
                if self.only is None:
                    watch(step.ins)
                else:
                    watch([t for t in step.ins if getattr(t, "dtype", None) == tf.resource])
                if step.outs and not step.stopped:
                    if step.backward is not None:
                        tf_internals.put_backward(step.type, step.ins, step.outs, step.backward)
                    elif step.attributes is not None and not step.type.startswith(FUNCTIONS):
                        tf_internals.put_op(step.type, step.ins, step.attributes, step.outs)
                if self.only is None or step.number in self.only:
                    watch(step.outs)
        return tape
