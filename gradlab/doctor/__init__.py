"""The gradient doctor: which line of the user's code cut the gradient, why, and what to do.

The names below are imported when they are first used: parts of the doctor draw reports and need no TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradlab.doctor.frontends.call import explain_call as explain_call
    from gradlab.doctor.frontends.explain import explain as explain
    from gradlab.doctor.frontends.tape import Tape as Tape
    from gradlab.doctor.frontends.tape import last_report as last_report
    from gradlab.doctor.report.report import Diagnosis as Diagnosis
    from gradlab.doctor.report.report import Report as Report

_WHERE = {
    "explain_call": "frontends.call",
    "explain": "frontends.explain",
    "Tape": "frontends.tape",
    "last_report": "frontends.tape",
    "Report": "report.report",
    "Diagnosis": "report.report",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'gradlab.doctor' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gradlab.doctor.{_WHERE[name]}"), name)
