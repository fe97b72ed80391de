"""The Keras version that the tests run under, and the other one, in a process of its own.

The same tests serve both: what they do here they expect of the version that is here, by `scenario.expected(HERE)`. What
is also asked of the other version is one process there for all tests: each scenario runs once for all questions.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import warm

import gradlab
from gradlab.lab.measure import keras_version
from gradlab.runtime.tf_environment import require_keras

HERE = keras_version()
OTHER = 5 - HERE
GROUP = "other-keras"  # of pytest-xdist: the tests that share one such process
ALL_QUESTIONS = """
import json
from unittest.mock import patch
import gradlab
from gradlab.claims.collect import _versions, measured
from gradlab.lab.blamed_line import find
from gradlab.lab.verdict import changed, judge
from oracle.differences import contradictions
out = {}
for name in gradlab.names():
    scenario = gradlab.load(name)
    off, on = sides = gradlab.compare(name)
    out[name] = {
        "changed": [dict(changed(off)), dict(changed(on))],
        "verdict": judge(scenario.expected(%d)[0], on),
        "kinds": {n: k.value for n, k in on.kinds.items()},
        "cuts": {n: [c.line, c.number] for n, c in find(scenario, on, None, {}).items()},
        "contradictions": contradictions(scenario, sides) if name in %r else None,
    }
    with patch("gradlab.lab.measure.compare", lambda _: sides):  # what has just been measured, for the table of claims
        out[name]["for the table"] = measured(name, %d)
print(json.dumps([out, _versions(%d)]))
"""
# Finite differences in float64 are half of what that process costs: every sixth scenario there, none of those that
# test_oracle.py samples here. All of them weekly.
COMPARED = gradlab.names()[1::6]
DIFFERENCES = """
import json
import gradlab
from oracle.differences import contradictions
print(json.dumps({name: contradictions(gradlab.load(name)) for name in %r}))
"""


def only_there(scenario: str) -> bool:
    """Whether the scenario's bug is one of the other Keras alone: here the switch breaks nothing."""
    here, there = (gradlab.load(scenario).expected(keras)[1] for keras in (HERE, OTHER))
    return bool(there) and not here


@functools.cache
def _all_there() -> Any:
    return under_the_other_keras(ALL_QUESTIONS % (OTHER, COMPARED, OTHER, OTHER))


def scenarios_there() -> Any:
    """Scenario -> what its run under the other Keras version gives: kinds, verdict, lines, contradictions of float64."""
    return _all_there()[0]


def measured_there() -> Any:
    """The same runs as `gradlab claims` measures them under the other Keras version."""
    scenarios, versions = _all_there()
    return {"versions": versions, "scenarios": {name: found["for the table"] for name, found in scenarios.items()}}


def under_the_other_keras(script: str) -> Any:
    """Run a script under the other Keras version; what its last line prints, read as JSON.

    Skips, and says why, where gradlab itself says that the other version can't be had.
    """
    try:
        require_keras(OTHER)
    except (ModuleNotFoundError, RuntimeError) as error:
        pytest.skip(f"KERAS {OTHER} WAS NOT TESTED: {error}")
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1" if OTHER == 2 else "0"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    python = warm.python(OTHER)
    check = f"from gradlab.lab.measure import keras_version\nassert keras_version() == {OTHER}\n"
    done = subprocess.run([*python, "-c", check + script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
