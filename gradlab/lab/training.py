"""Train a scenario for a few steps at one position of its switch, and see what the bug costs.

- `train`: plain gradient descent, one `assign` per variable that got a gradient.
- `History`: the loss before every step and how far each weight has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.lab.measure import take, to_array, value_of
from gradlab.lab.scenario import Scenario
from gradlab.runtime.devices import check_device


@dataclass(frozen=True)
class History:
    """`losses` has one entry more than there were steps. `moved` is how far each listed variable is from its start in the
    end, `path` the same after every step: Euclidean distances."""

    losses: tuple[float, ...]
    moved: Mapping[str, float]
    path: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def train(
    scenario: Scenario,
    bug: bool,
    steps: int,
    device: str = "/CPU:0",
    knobs: Mapping[str, Any] | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> History:
    """`steps` steps of gradient descent at the scenario's own learning rate, from the weights that `setup` makes.

    A variable without a gradient stays where it is, as it would under any optimizer. Tensors among the sources are not
    trained. Raises ValueError if the scenario's loss is not a scalar.
    """
    with tf.device(check_device(device)):
        things = scenario.setup(**(knobs or {}))
        losses: list[float] = []
        start: dict[str, np.ndarray] = {}
        path: dict[str, list[float]] = {}
        for step in range(steps + 1):
            taken = take(scenario, bug, things)
            if np.ndim(taken.loss) != 0:
                raise ValueError(f"`{scenario.name}` can't be trained: its result has shape {np.shape(taken.loss)}.")
            losses.append(float(taken.loss))
            variables = {n: v for n, v in taken.sources.items() if hasattr(v, "assign")}
            if not start:
                start = {n: value_of(v) for n, v in variables.items()}
            if step == steps:
                break
            for name, variable in variables.items():
                gradient = to_array(taken.gradients[name])
                if gradient is not None:
                    variable.assign(value_of(variable) - scenario.rate * gradient)
            for name in start.keys() & variables.keys():
                path.setdefault(name, []).append(float(np.linalg.norm(value_of(variables[name]) - start[name])))
            on_step()
        moved = {n: float(np.linalg.norm(value_of(v) - start[n])) for n, v in variables.items() if n in start}
    return History(tuple(losses), moved, {name: tuple(far) for name, far in path.items()})
