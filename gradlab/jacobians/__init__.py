"""Jacobians of recurrent layers: exact, per time step."""

from gradlab.jacobians.api import jacobian
from gradlab.jacobians.result import Jacobian

__all__ = ["Jacobian", "jacobian"]
