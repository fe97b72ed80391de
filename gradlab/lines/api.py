"""`line_gradients` for a loss function, `of_scenario` for one position of a scenario."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.lab.measure import as_scenario
from gradlab.lab.scenario import Scenario
from gradlab.lines.assemble import build
from gradlab.lines.doctor_parts import collect, watched
from gradlab.lines.model import LineGradients
from gradlab.lines.recording import Recording, Stop
from gradlab.runtime import tf_loading
from gradlab.runtime.devices import check_device


def of_scenario(scenario: str | Scenario, bug: bool, device: str | None = None, **knobs: Any) -> LineGradients:
    """The line gradients of one position of a scenario's switch, at these knobs (the others at their defaults).

    No cut is marked: give `.mark_cuts` what `gradlab.lab.blamed_line.find` found. An exception of the scenario is a band on its line,
    and `.error`.
    """
    scenario = as_scenario(scenario)
    with tf.device(check_device(device or tf_loading.device())), _generators_kept():
        things = scenario.setup(**knobs)
        found = _recorded(lambda: scenario.run(bug, **things))
    position = scenario.switch[bool(bug)]
    found.title = f"{scenario.title}: {position}"
    return found


def _recorded(function: Callable[[], Any]) -> LineGradients:
    """Run code that opens its own tapes, and build the line gradients of its last question."""
    recording, result, error = _attempt(function)
    if error is not None and recording.functions:
        recording, result, error = _attempt(function, eager_functions=False)
    if recording.py_functions and recording.asks and error is None and not recording.asks[-1].own:
        # An eager py_function can be differentiated once, and the learner's tape has done so: run again up to there.
        again = Recording(only_ask=recording.asked_count - 1)
        first = recording.asks[-1]
        try:
            again.run(function)
        except Stop:
            again.asks[-1].result = first.result
            recording = again
    found = build(recording, names=_given(result), error=error)
    found.result = result
    return found


def _attempt(function: Callable[[], Any], **options: Any) -> tuple[Recording, Any, Exception | None]:
    recording = Recording(**options)
    try:
        return recording, recording.run(function), None
    except Exception as error:  # shown as the band of its line, and kept as `error`
        return recording, None, error


def _given(result: Any) -> dict[str, Any] | None:
    """The sources that a scenario's `run` returned."""
    if isinstance(result, tuple) and len(result) >= 3 and isinstance(result[1], dict):
        return result[1]
    return None


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Python's and NumPy's generators are put back: a look must not change the next numbers."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


__all__ = ["LineGradients", "collect", "of_scenario", "watched"]
