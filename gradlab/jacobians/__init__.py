"""Jacobians of recurrent layers: exact, per time step, fast enough to drag a slider.

jacobian(layer, inputs) is the entry. readable.py holds the same idea in four short functions, race.py measures them
against each other, and plots.py draws norm maps, races and costs.
"""

from gradlab.jacobians.api import jacobian
from gradlab.jacobians.result import Jacobian
from gradlab.lab.jacobian_race.race import Cost, Lane, cost, race
from gradlab.lab.jacobian_race.readable import folk_loop, jacobian_at_once, jacobian_per_step, jacobian_structured

__all__ = [
    "Cost",
    "Jacobian",
    "Lane",
    "cost",
    "folk_loop",
    "jacobian",
    "jacobian_at_once",
    "jacobian_per_step",
    "jacobian_structured",
    "race",
]
