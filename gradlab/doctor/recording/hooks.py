"""Hooks that exist only while something is being recorded: installed once for the process, counted under a lock.

Each acts only in a thread that records (`tf_internals.local.record`), so other threads run as if nothing were there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.frames import code_of
from gradlab.doctor.recording.tf_internals import EagerTensor, local

_lock = threading.RLock()
_state = threading.local()
_users = 0
_explained = 0
_originals: list[tuple[type, str, Any]] = []
_tape_users = 0
_tape_originals: list[tuple[type, str, Any]] = []

CONVERSIONS = (
    "numpy",
    "__array__",
    "__float__",
    "__int__",
    "__index__",
    "__bool__",
    "__complex__",
    "__iter__",
    "__format__",
)


def _patch(owner: type, attribute: str, make: Callable[[Any], Any], kept: list[tuple[type, str, Any]]) -> None:
    original = owner.__dict__[attribute]
    kept.append((owner, attribute, original))
    setattr(owner, attribute, make(original))


def _conversion(kind: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # IPython and pytest leave such frames out of a traceback
            record = local.record
            if record is not None and not record.closed and not getattr(_state, "inside", False):
                _state.inside = True
                try:
                    record.converted(self, kind)
                finally:
                    _state.inside = False
            return original(self, *args, **kwargs)

        return hooked

    return make


def _call(original: Any) -> Any:
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        record = local.record
        if record is None or record.closed or not tf.executing_eagerly() or _of_tensorflow(self):
            return original(self, *args, **kwargs)
        if record.called(self, args, kwargs):
            return self.python_function(*args, **kwargs)
        return original(self, *args, **kwargs)

    return hooked


def _of_tensorflow(function: Any) -> bool:
    """TensorFlow's own functions (the vectorised loop of jacobian, for one) need their graph."""
    code = code_of(function)
    return code is not None and f"{os.sep}tensorflow{os.sep}python{os.sep}" in code.co_filename


def _install() -> None:
    tf_internals.install()
    for kind in CONVERSIONS:
        owner = next((c for c in EagerTensor.__mro__ if kind in c.__dict__), None)
        if owner is not None and owner is not object:
            _patch(owner, kind, _conversion(kind), _originals)
    _patch(type(tf.function(lambda: None)), "__call__", _call, _originals)


def _uninstall(kept: list[tuple[type, str, Any]]) -> None:
    while kept:
        owner, attribute, original = kept.pop()
        setattr(owner, attribute, original)


def installed() -> bool:
    """Is anything hooked at present, by any thread?"""
    return bool(_originals or _tape_originals)


def tapes_are_hooked() -> bool:
    """Are methods of tf.GradientTape replaced at present?"""
    return bool(_tape_originals)


def acquire() -> None:
    """One more record is open; the first installs the hooks."""
    global _users
    with _lock:
        if _users == 0:
            _install()
        _users += 1


def release() -> None:
    """End what `acquire` began; the last takes the hooks away. Any thread may."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            _uninstall(_originals)
            tf_internals.uninstall()


@contextmanager
def tapes_hooked(methods: dict[str, Callable[[Any], Any]]) -> Iterator[None]:
    """Replace methods of tf.GradientTape by `methods[name](original)` until the context ends; the replacements decide
    by thread what to do."""
    global _tape_users
    with _lock:
        if _tape_users == 0:
            for name, make in methods.items():
                _patch(tf.GradientTape, name, make, _tape_originals)
        _tape_users += 1
    try:
        yield
    finally:
        with _lock:
            _tape_users -= 1
            if _tape_users == 0:
                _uninstall(_tape_originals)


def busy() -> bool:
    """Is this thread explaining? Its tapes are gradlab's own then."""
    return local.own


@contextmanager
def unrecorded() -> Iterator[None]:
    """The tapes of this thread are gradlab's own meanwhile: a program that is recorded as a whole is not said to ask them."""
    before, local.own = local.own, True
    try:
        with tf_internals.recording_to(None):
            yield
    finally:
        local.own = before


@contextmanager
def alone() -> Iterator[None]:
    """Explain in this thread: nothing that runs meanwhile is recorded unless asked. Refuses an explain inside one."""
    if busy():
        raise RuntimeError(
            "gradlab.explain was called while this thread is being explained or recorded already (inside the "
            "loss function): call it after that has finished"
        )
    global _explained
    _explained += 1
    local.own = True
    try:
        with tf_internals.recording_to(None), tf_internals.generator_kept():
            yield
    finally:
        local.own = False


def explained() -> int:
    """How often something was explained in this process so far."""
    return _explained
