"""Jacobians of recurrent layers: exact, per time step, fast enough to drag a slider.

jacobian(layer, inputs) is the entry. readable.py holds the same idea in four short functions, race.py measures them
against each other, and plots.py draws norm maps, races and costs.
"""

from gradlab.jacobians.api import jacobian
from gradlab.jacobians.race import Cost, Lane, cost, race
from gradlab.jacobians.readable import folk_loop, jacobian_at_once, jacobian_per_step, jacobian_structured
from gradlab.jacobians.result import Jacobian

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
