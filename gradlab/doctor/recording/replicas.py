"""Replicas of a tf.distribute strategy: which one a thread runs, and what a spread variable is in it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
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


def frames_outwards() -> Iterator[FrameType]:
    """The frames around the caller, innermost first. In the thread of a replica those of the thread that has started it,
    and waits, come after."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
    if replica() is not None:
        frame = _starter(threading.current_thread())
        while frame is not None:
            yield frame
            frame = frame.f_back


def _starter(thread: threading.Thread) -> FrameType | None:
    """The frame of TensorFlow's function that has started this thread as a replica, None if there is none."""
    for frame in sys._current_frames().values():  # noqa: SLF001 (the one way to the frames of another thread)
        at: FrameType | None = frame
        while at is not None:
            if at.f_code.co_name == "_call_for_each_replica":
                started = at.f_locals.get("threads")
                if isinstance(started, list) and any(t is thread for t in started):
                    return at
            at = at.f_back
    return None
