"""Replicas of a tf.distribute strategy: which one a thread runs, and what a spread variable is in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.sources import unwrap


def replica() -> int | None:
    """The number of the replica that this thread runs; None outside of a strategy."""
    if not tf.distribute.has_strategy():
        return None
    return tf_internals.replica_number()


def components(sources: Iterable[Any]) -> dict[int, Any]:
    """For each variable that is spread over the replicas, by its id: the one that this replica uses.

    Outside of the replica the variable stands for its first component, so this has to be asked inside.
    """
    number = replica()
    if number is None:
        return {}
    found = {}
    for thing in sources:
        value = unwrap(thing)
        if isinstance(value, tf.distribute.DistributedValues):
            parts = tf.distribute.get_strategy().experimental_local_results(value)
            if number < len(parts):
                found[id(thing)] = parts[number]
    return found
