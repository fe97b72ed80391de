"""Chooses the recorder: op callbacks if their self-test passes, else public API, with a warning that says so."""

from __future__ import annotations

import os
import threading
import warnings
from types import ModuleType

_lock = threading.Lock()
_chosen: ModuleType | None = None
_FORCE = "GRADLAB_RECORDER"
_MODULES = {"callbacks": "op_callbacks", "calls": "profiler"}
NAMES = tuple(_MODULES)


def _load(which: str) -> ModuleType:
    import importlib

    return importlib.import_module(f"gradlab.doctor.recording.{_MODULES[which]}")


def choose(order: tuple[str, ...] = NAMES) -> ModuleType:
    """The first recorder of `order` whose self-test passes, with a RuntimeWarning if it is not the first."""
    wrong: list[str] = []
    for which in order:
        try:
            module = _load(which)
            fault = module.self_test()
        except ImportError as error:
            fault = str(error)
        if not fault:
            if wrong:
                reasons = "; ".join(wrong)
                warnings.warn(
                    f"gradlab.explain records with {module.name}, because {reasons}. Places may be less exact.",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return module
        wrong.append(f"{which}: {fault}")
    raise RuntimeError("gradlab.explain has no way to record this TensorFlow: " + "; ".join(wrong))


def recorder() -> ModuleType:
    """The recorder in use. The environment variable GRADLAB_RECORDER (callbacks or calls) forces one."""
    global _chosen
    with _lock:
        if _chosen is None:
            forced = os.environ.get(_FORCE)
            if forced and forced not in NAMES:
                raise ValueError(f"{_FORCE}={forced!r}: expected one of {', '.join(NAMES)}")
            _chosen = choose((forced,) if forced else NAMES)
        return _chosen


def use(which: str | None) -> None:
    """Use this recorder from now on (callbacks or calls); None chooses again at the next explain."""
    global _chosen
    with _lock:
        _chosen = None if which is None else choose((which,))
