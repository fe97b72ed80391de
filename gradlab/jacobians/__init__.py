"""Jacobians of recurrent layers: exact, per time step, fast enough to drag a slider.

`jacobian(layer, inputs)` is the entry and returns a `Jacobian`.
"""

from gradlab.jacobians.api import jacobian
from gradlab.jacobians.result import Jacobian

__all__ = ["Jacobian", "jacobian"]
