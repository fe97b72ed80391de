"""The gradient doctor: which line of the learner's code cut the gradient, why, and what to do."""

from gradlab.doctor.call import explain_call
from gradlab.doctor.explain import explain
from gradlab.doctor.report import Report, Row
from gradlab.doctor.tape import Tape, last_report

__all__ = ["Report", "Row", "Tape", "explain", "explain_call", "last_report"]
