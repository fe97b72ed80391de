"""The gradient doctor: which line of the learner's code cut the gradient, why, and what to do."""

from gradlab.doctor.explain import explain
from gradlab.doctor.report import Report, Row

__all__ = ["Report", "Row", "explain"]
