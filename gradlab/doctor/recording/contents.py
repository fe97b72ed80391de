"""What the variables of a gradient call held when it was traced, as a checksum: 8 bytes each, and no copy is kept.

A graph shows no values, so a gradient of zero is not seen in it. A weight that is bit by bit the same after a training
as before is the sign of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.recorded_run import kind_of
from gradlab.doctor.recording.sources import FLOATS, unwrap
from gradlab.doctor.recording.tape_calls import leaves
from gradlab.doctor.recording.tf_internals import EagerTensor


def checksums(sources: Any) -> dict[int, int]:
    """Number of a source -> checksum of what the variable holds now. Sources that are no float variables with one value
    in this process are left out."""
    found = {}
    with tf.init_scope(), tf_internals.recording_to(None):
        for i, thing in enumerate(leaves(sources)):
            variable = unwrap(thing)
            handle = getattr(variable, "handle", None) if isinstance(variable, tf.Variable) else None
            if not isinstance(handle, EagerTensor) or not tf_internals.is_variable(handle):
                continue
            if variable.dtype in FLOATS and variable.shape.num_elements():
                try:
                    found[i] = hash(np.asarray(tf_internals.read(handle)).tobytes())
                except tf.errors.FailedPreconditionError:
                    continue  # made by the function that is being traced: it has no value yet
    return found


def not_finite(sources: Any) -> bool:
    """Does one of these variables hold NaN or infinity now?"""
    with tf.init_scope(), tf_internals.recording_to(None):
        handles = [getattr(unwrap(s), "handle", None) for s in leaves(sources) if isinstance(unwrap(s), tf.Variable)]
        read = [tf_internals.read(h) for h in handles if isinstance(h, EagerTensor) and tf_internals.is_variable(h)]
    return any(kind_of(value) in ("nan", "inf") for value in read if value.dtype in FLOATS)
