"""The same scenario under the other Keras: that choice is made when TensorFlow loads, so it takes a second process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from gradlab.lab.checks import Checked
from gradlab.runtime.strict import strict
from gradlab.runtime.tf_environment import chosen_keras


def other_keras(scenario: str, **knobs: Any) -> Checked:
    """Run the scenario with the switch on under both Keras versions: here, and in a process of its own (some seconds).

    Returns a line for every source and version. Raises ModuleNotFoundError without tf_keras, and RuntimeError where
    tf_keras can't work, or with the other process's own words if it fails.
    """
    here = chosen_keras()
    lines = []
    for keras in (3, 2):
        kinds = read_here(scenario, knobs) if keras == here else _read_there(scenario, keras, knobs)
        lines.append(
            f"{'Keras 3' if keras == 3 else 'legacy Keras'}: " + "; ".join(f"{n}: {k}" for n, k in kinds.items())
        )
    return Checked(True, tuple(lines))


def read_here(scenario: str, knobs: dict[str, Any]) -> dict[str, str]:
    """{source: kind} with the switch on, in this process."""
    from gradlab.lab.measure import compare

    return {name: kind.value for name, kind in compare(scenario, **knobs)[1].kinds.items()}


def _read_there(scenario: str, keras: int, knobs: dict[str, Any]) -> dict[str, str]:
    from gradlab.runtime.tf_environment import require_keras

    require_keras(keras)
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1" if keras == 2 else "0"}
    command = [sys.executable, "-m", "gradlab.lab.other_keras", scenario, json.dumps(knobs)]
    if not strict():  # a page that is compared must not depend on it
        print(f"asking Keras {keras} in another process, some seconds ...", file=sys.stderr)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"The run under Keras {keras} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(read_here(sys.argv[1], json.loads(sys.argv[2]))))
