"""gradlab: break gradients on purpose, see what happens, and ask the same questions of your own model.

Read in this order: `reading` (what one gradient says), `scenario` (one bug behind one switch), any file in `scenarios`,
`measure` (run it and read it), `verdict` (hold a claim against it), `heatmap` and `panel` (show it).

Importing this package imports neither TensorFlow nor matplotlib: each name below loads what it needs at first use.
"""

from __future__ import annotations

import importlib
import warnings
from importlib import metadata
from typing import TYPE_CHECKING

from gradlab.lab.reading import Kind as Kind
from gradlab.lab.reading import Reading as Reading
from gradlab.lab.reading import Side as Side
from gradlab.lab.scenario import Scenario as Scenario
from gradlab.lab.scenario import names as names

if TYPE_CHECKING:  # to a type checker every public name is what it is, not `object`
    from gradlab.authoring.catalogue import catalogue as catalogue
    from gradlab.authoring.course import course as course
    from gradlab.bptt import ThroughTime as ThroughTime
    from gradlab.bptt import through_time as through_time
    from gradlab.doctor import Report as Report
    from gradlab.doctor import Tape as Tape
    from gradlab.doctor import explain as explain
    from gradlab.doctor import last_report as last_report
    from gradlab.doctor.frontends.assertion import assert_gradients as assert_gradients
    from gradlab.drawings import drawing as drawing
    from gradlab.jacobians import jacobian as jacobian
    from gradlab.lab.checks import check_break as check_break
    from gradlab.lab.checks import check_prediction as check_prediction
    from gradlab.lab.checks import check_repair as check_repair
    from gradlab.lab.folded import folded as folded
    from gradlab.lab.heatmap import picture as picture
    from gradlab.lab.measure import compare as compare
    from gradlab.lab.other_keras import other_keras as other_keras
    from gradlab.lab.side_by_side import side_by_side as side_by_side
    from gradlab.lines import LineGradients as LineGradients
    from gradlab.lines import line_gradients as line_gradients
    from gradlab.lines.ipython import load_ipython_extension as load_ipython_extension
    from gradlab.lines.ipython import unload_ipython_extension as unload_ipython_extension
    from gradlab.panel import Panel as Panel
    from gradlab.panel import start as start
    from gradlab.panel.votes import Votes as Votes
    from gradlab.watch import Watch as Watch

_WHERE = {
    "Panel": "gradlab.panel",
    "start": "gradlab.panel",
    "Votes": "gradlab.panel.votes",
    "compare": "gradlab.lab.measure",
    "picture": "gradlab.lab.heatmap",
    "catalogue": "gradlab.authoring.catalogue",
    "drawing": "gradlab.drawings",
    "course": "gradlab.authoring.course",
    "other_keras": "gradlab.lab.other_keras",
    "check_prediction": "gradlab.lab.checks",
    "check_repair": "gradlab.lab.checks",
    "check_break": "gradlab.lab.checks",
    "side_by_side": "gradlab.lab.side_by_side",
    "folded": "gradlab.lab.folded",
    "jacobian": "gradlab.jacobians",
    "line_gradients": "gradlab.lines",
    "LineGradients": "gradlab.lines",
    "explain": "gradlab.doctor",
    "Tape": "gradlab.doctor",
    "last_report": "gradlab.doctor",
    "Report": "gradlab.doctor",
    "Watch": "gradlab.watch",
    "ThroughTime": "gradlab.bptt",
    "through_time": "gradlab.bptt",
    "assert_gradients": "gradlab.doctor.frontends.assertion",
    "load_ipython_extension": "gradlab.lines.ipython",
    "unload_ipython_extension": "gradlab.lines.ipython",
}


def _warn_of_the_other_project() -> None:
    """Say so where the other project called gradlab is installed too: its files may lie among ours."""
    try:
        other = metadata.version("gradlab")
    except metadata.PackageNotFoundError:
        return
    warnings.warn(
        f"another project, `gradlab` {other}, is installed beside tf-gradlab, and both own the package `gradlab`. "
        "Run `tf-gradlab` for what to do.",
        stacklevel=3,
    )


_warn_of_the_other_project()


def load(name: str) -> Scenario:
    """The scenario of that name, TensorFlow loaded if it is not yet. Raises LookupError for an unknown name.

    >>> import gradlab
    >>> gradlab.load("integer_cast").name
    'integer_cast'
    """
    from gradlab.lab import scenario
    from gradlab.runtime import tf_loading

    tf_loading.wait()
    return scenario.load(name)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'gradlab' has no attribute {name!r}")
    if name not in (
        "Panel",
        "Votes",
        "start",
        "picture",
        "drawing",
        "course",
        "folded",
    ):  # the others import TensorFlow at once
        from gradlab.runtime import tf_loading

        if _WHERE[name].startswith("gradlab.doctor"):
            tf_loading.plain()  # the doctor looks at the learner's own program
        else:
            tf_loading.wait()
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
