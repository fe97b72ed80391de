"""gradlab: break gradients on purpose, see what happens, and ask the same questions of your own model.

Read in this order: `reading` (what one gradient says), `scenario` (one bug behind one switch), any file in `scenarios`,
`measure` (run it and read it), `verdict` (hold a claim against it), `heatmap` and `panel` (show it).

Importing this package imports neither TensorFlow nor matplotlib: each name below loads what it needs at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gradlab.lab.reading import Kind as Kind
from gradlab.lab.reading import Reading as Reading
from gradlab.lab.reading import Side as Side
from gradlab.lab.scenario import Scenario as Scenario
from gradlab.lab.scenario import names as names

if TYPE_CHECKING:
    from gradlab.authoring.catalogue import catalogue as catalogue
    from gradlab.lab.checks import check_prediction as check_prediction
    from gradlab.lab.checks import check_repair as check_repair
    from gradlab.lab.heatmap import picture as picture
    from gradlab.lab.measure import compare as compare
    from gradlab.lab.other_keras import other_keras as other_keras
    from gradlab.panel import Panel as Panel
    from gradlab.panel import start as start

_WHERE = {
    "Panel": "gradlab.panel",
    "start": "gradlab.panel",
    "compare": "gradlab.lab.measure",
    "picture": "gradlab.lab.heatmap",
    "catalogue": "gradlab.authoring.catalogue",
    "other_keras": "gradlab.lab.other_keras",
    "check_prediction": "gradlab.lab.checks",
    "check_repair": "gradlab.lab.checks",
    "jacobian": "gradlab.jacobians",
    "explain": "gradlab.doctor",
    "Tape": "gradlab.doctor",
    "last_report": "gradlab.doctor",
    "Report": "gradlab.doctor",
    "load_ipython_extension": "gradlab.doctor.frontends.ipython",
    "unload_ipython_extension": "gradlab.doctor.frontends.ipython",
}


def load(name: str) -> Scenario:
    """The scenario of that name, TensorFlow loaded if it is not yet. Raises LookupError for an unknown name."""
    from gradlab.lab import scenario
    from gradlab.runtime import tf_loading

    tf_loading.wait()
    return scenario.load(name)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'gradlab' has no attribute {name!r}")
    if name not in ("Panel", "start", "picture"):  # the others import TensorFlow at once
        from gradlab.runtime import tf_loading

        if _WHERE[name].startswith("gradlab.doctor"):
            tf_loading.plain()  # the doctor looks at the learner's own program
        else:
            tf_loading.wait()
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
