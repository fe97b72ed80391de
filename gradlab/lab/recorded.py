"""The check of notebook 5's record: the path of the states is whole, and the array beside it is still filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlab.lab.checks import Checked, check_repair

# Both sides run the same float32 steps; only their order of operations may differ, which moves a state below 1 by about 1e-7 a step
TOLERANCE = 1e-5


def check_recorded(mine: Callable[..., tuple[Any, ...]]) -> Checked:
    """Hold `mine(cell, x, record)` against the scenario "state_leaves", and `record` against the states of its steps.

    `record` is an array of zeros, (steps, units), in which `mine` has to leave the hidden state of each step. Nothing raises.

    >>> from gradlab.lab.recorded import check_recorded
    >>> check_recorded(lambda cell, x, record: None).passed
    False
    """
    import numpy as np

    from gradlab.lab.measure import as_scenario

    def repaired(cell: Any, x: Any) -> tuple[Any, ...]:
        return mine(cell, x, np.zeros((x.shape[1], cell.units), "float32"))

    checked = check_repair("state_leaves", repaired)
    if not checked.passed:
        return checked
    things = as_scenario("state_leaves").setup()
    cell, x = things["cell"], things["x"]
    record = np.zeros((x.shape[1], cell.units), "float32")
    mine(cell, x, record)
    h = c = np.zeros((1, cell.units), "float32")
    wrong = []
    for t in range(x.shape[1]):
        _, [h, c] = cell(x[:, t], [h, c])
        if not np.allclose(record[t], h[0], rtol=0, atol=TOLERANCE):
            wrong.append(str(t))
    if wrong:
        return Checked(
            False,
            (
                f"✗  every gradient is right, and record does not hold the state h of step {', '.join(wrong)}",
                "Not yet.",
                "Hint: `record[t] = h[0]` does no harm. Keep it, in the array that `mine` is given.",
            ),
        )
    return Checked(True, (f"✓  record holds the states of all {x.shape[1]} steps", *checked.lines))
