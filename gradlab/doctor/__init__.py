"""The gradient doctor: which line of the user's code cut the gradient, why, and what to do."""

from gradlab.doctor.frontends.call import explain_call
from gradlab.doctor.frontends.explain import explain
from gradlab.doctor.frontends.tape import Tape, last_report
from gradlab.doctor.report.report import Report, Row

__all__ = ["Report", "Row", "Tape", "explain", "explain_call", "last_report"]
