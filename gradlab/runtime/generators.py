"""The learner's global random generators, kept as they are while gradlab seeds them for a run of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def generators_kept() -> Iterator[None]:
    """Python's, NumPy's and TensorFlow's global generators, and TensorFlow's global seed, are afterwards as before.

    Not kept: ops with a seed of their own start their stream anew, as they do whenever `tf.random.set_seed` is called.
    """
    from gradlab.doctor.recording.tf_internals import generator_kept

    python, numpy = random.getstate(), np.random.get_state()
    try:
        with generator_kept():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
