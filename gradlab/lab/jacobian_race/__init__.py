"""The ways to a Jacobian that notebook 15 compares.

`readable` holds the idea in four short functions, `race` measures them against each other and against
`gradlab.jacobian`, `plots` draws norm maps, races and costs.
"""

from gradlab.lab.jacobian_race.race import Cost, Lane, cost, race
from gradlab.lab.jacobian_race.readable import folk_loop, jacobian_at_once, jacobian_per_step, jacobian_structured

__all__ = [
    "Cost",
    "Lane",
    "cost",
    "folk_loop",
    "jacobian_at_once",
    "jacobian_per_step",
    "jacobian_structured",
    "race",
]
