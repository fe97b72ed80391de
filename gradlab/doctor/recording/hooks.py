"""Temporary, thread-aware hooks: they exist only while something is being recorded and act only in the recording
thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.frames import code_of

_lock = threading.RLock()
_local = threading.local()
_users = 0
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


class Listener:
    """What the hooks tell the recording thread. Each method may be left as it is."""

    def converted(self, tensor: Any, kind: str) -> None:
        """A tensor's value left TensorFlow."""

    def called(self, function: Any, args: Any, kwargs: Any) -> bool:
        """A tf.function is about to be called. True: run its Python function instead."""
        return False

    def returned(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A tf.function has run as a graph."""


def listener() -> Listener | None:
    """The listener of this thread, if it is recording."""
    return getattr(_local, "listener", None)


def _patch(
    owner: type, attribute: str, make: Callable[[Any], Any], kept: list[tuple[type, str, Any]] = _originals
) -> None:
    original = owner.__dict__[attribute]
    kept.append((owner, attribute, original))
    setattr(owner, attribute, make(original))


def _conversion(kind: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
            active = listener()
            if active is not None and not getattr(_local, "inside", False):
                _local.inside = True
                try:
                    active.converted(self, kind)
                finally:
                    _local.inside = False
            return original(self, *args, **kwargs)

        return hooked

    return make


def _call(original: Any) -> Any:
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        active = listener()
        if active is None or not tf.executing_eagerly() or _of_tensorflow(self):
            return original(self, *args, **kwargs)
        if active.called(self, args, kwargs):
            return self.python_function(*args, **kwargs)
        result = original(self, *args, **kwargs)
        active.returned(self, args, kwargs, result)
        return result

    return hooked


def _of_tensorflow(function: Any) -> bool:
    """TensorFlow's own functions (the vectorised loop of jacobian, for one) need their graph."""
    code = code_of(function)
    return code is not None and f"{os.sep}tensorflow{os.sep}python{os.sep}" in code.co_filename


def _install() -> None:
    eager = type(tf.constant(0.0))
    for kind in CONVERSIONS:
        owner = next((c for c in eager.__mro__ if kind in c.__dict__), None)
        if owner is not None and owner is not object:
            _patch(owner, kind, _conversion(kind))
    function = type(tf.function(lambda: None))
    _patch(function, "__call__", _call)


def _uninstall(kept: list[tuple[type, str, Any]] = _originals) -> None:
    while kept:
        owner, attribute, original = kept.pop()
        setattr(owner, attribute, original)


def installed() -> bool:
    """Is anything hooked at present, by any thread?"""
    return bool(_originals or _tape_originals)


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


@contextmanager
def hooked(who: Listener) -> Iterator[None]:
    """Tell `who` about this thread's conversions and tf.function calls until the context ends."""
    start(who)
    try:
        yield
    finally:
        stop(who)


def start(who: Listener) -> None:
    """Begin to tell `who` about this thread (see `hooked`)."""
    global _users
    if listener() is not None:
        raise RuntimeError("this thread is being recorded already")
    with _lock:
        if _users == 0:
            _install()
        _users += 1
    _local.listener = who


def stop(who: Listener) -> None:
    """End what `start` began."""
    global _users
    if listener() is who:
        _local.listener = None
    with _lock:
        _users -= 1
        if _users == 0:
            _uninstall()


@contextmanager
def alone() -> Iterator[None]:
    """Refuse an explain inside an explain of the same thread."""
    if getattr(_local, "busy", False) or listener() is not None:
        raise RuntimeError(
            "gradlab.explain was called while this thread is being explained or recorded already (inside the "
            "loss function, or under "
            "a gradlab.Tape that has not given its gradient yet): call it after that has finished"
        )
    _local.busy = True
    try:
        yield
    finally:
        _local.busy = False
