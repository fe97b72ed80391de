"""gradlab: break gradients on purpose, see what happens, and ask the same questions of your own model.

Importing this package imports neither TensorFlow nor matplotlib: each public name loads what it needs at first use.
"""

import importlib

_WHERE = {
    "jacobian": "gradlab.jacobians",
    "explain": "gradlab.doctor",
    "Tape": "gradlab.doctor",
    "last_report": "gradlab.doctor",
    "Report": "gradlab.doctor",
    "load_ipython_extension": "gradlab.doctor.magic",
    "unload_ipython_extension": "gradlab.doctor.magic",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'gradlab' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
