"""Hooks of tf.GradientTape and tf.function for the thread that is being recorded.

They are installed with the first recording of any thread and removed with the last. Each only tells the recording of
its own thread, and calls the original method in any case.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import tensorflow as tf

_lock = threading.RLock()
_local = threading.local()
_users = 0
_kept: list[tuple[type, str, Any, Any]] = []  # owner, attribute, original, ours
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_SCENARIOS = os.path.join(_PACKAGE, "scenarios") + os.sep


class Listener:
    """What the hooks tell. `tape` is always the learner's own object."""

    def opened(self, tape: Any, persistent: bool, watches_variables: bool) -> None:
        """A tape was made."""

    def entered(self, tape: Any) -> None:
        """A tape began to record."""

    def exited(self, tape: Any) -> None:
        """A tape is about to end its recording."""

    def watches(self, tape: Any, tensors: Any) -> None:
        """tape.watch was called."""

    def paused(self, tape: Any) -> None:
        """A block of `stop_recording` begins."""

    def resumed(self, tape: Any) -> None:
        """A block of `stop_recording` ends."""

    def resets(self, tape: Any) -> None:
        """tape.reset was called."""

    def asked(self, what: str, tape: Any, plain: Callable[..., Any], target: Any, sources: Any, kwargs: Any) -> Any:
        """A gradient, jacobian or batch_jacobian is asked for: ask `plain`."""
        return plain(target, sources, **kwargs)

    def calls(self, function: Any, args: Any, kwargs: Any) -> bool:
        """A tf.function is called. True: run its Python function in place of its graph."""
        return False

    def accumulates(self) -> None:
        """A forward-mode derivative was asked for."""


def listener() -> Listener | None:
    """The recording of this thread, None where nothing is recorded, or a graph is being traced."""
    found: Listener | None = getattr(_local, "listener", None)
    return found if found is not None and tf.executing_eagerly() else None


def check_free() -> None:
    """RuntimeError if this thread is being recorded already."""
    if getattr(_local, "listener", None) is not None:
        raise RuntimeError(
            "gradlab.line_gradients was called inside a run that is being recorded for line gradients: call it after "
            "that has finished"
        )


@contextmanager
def heard(who: Listener) -> Iterator[None]:
    """Tell `who` about the tapes and tf.functions of this thread. RuntimeError if it is recorded already."""
    global _users
    check_free()
    with _lock:
        if _users == 0:
            _install()
        _users += 1
    _local.listener = who
    try:
        yield
    finally:
        _local.listener = None
        with _lock:
            _users -= 1
            if _users == 0:
                _uninstall()


def plain(name: str) -> Any:
    """A method of tf.GradientTape as it is without these hooks."""
    return next((original for _, n, original, _ in _kept if n == name), None) or getattr(tf.GradientTape, name)


def installed() -> bool:
    """Is anything hooked at present?"""
    return bool(_kept)


@lru_cache(maxsize=1)
def _function_type() -> type:
    """The class of what `tf.function` makes, which has no public name."""
    return type(tf.function(lambda: None))


def _install() -> None:
    for owner, table in ((tf.GradientTape, _TAPE), (_function_type(), {"__call__": _call}), (tf.autodiff.ForwardAccumulator, {"jvp": _jvp})):  # fmt: skip
        for name, make in table.items():
            if any(o is owner and n == name for o, n, _, _ in _kept):
                continue  # another tool's hook stood over ours when we left, so it stayed
            original = owner.__dict__[name]
            ours = make(original)
            _kept.append((owner, name, original, ours))
            setattr(owner, name, ours)


def _uninstall() -> None:
    for entry in list(_kept):
        owner, name, original, ours = entry
        if owner.__dict__.get(name) is ours:  # else another tool hooked over it: ours stays, and is silent
            setattr(owner, name, original)
            _kept.remove(entry)


def _machinery() -> bool:
    """Was the tape made by gradlab's own machinery?"""
    frame = sys._getframe(2)
    while (
        frame.f_back is not None and frame.f_code.co_name == "hooked" and frame.f_code.co_filename.startswith(_PACKAGE)
    ):
        frame = frame.f_back  # the doctor's hooks lie over ours
    file = frame.f_code.co_filename
    if file == os.path.join(_PACKAGE, "doctor", "frontends", "tape.py"):
        return False  # gradlab.Tape: the learner's own tape
    return file.startswith(_PACKAGE) and not file.startswith(_SCENARIOS)


def _init(original: Any) -> Any:
    def hooked(self: Any, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        original(self, persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        who = listener()
        if who is not None and not _machinery():
            who.opened(self, persistent, watch_accessed_variables)

    return hooked


def _enter(original: Any) -> Any:
    def hooked(self: Any) -> Any:
        out = original(self)
        who = listener()
        if who is not None:
            who.entered(self)
        return out

    return hooked


def _exit(original: Any) -> Any:
    def hooked(self: Any, typ: Any, value: Any, traceback: Any) -> Any:
        who = listener()
        if who is not None:
            who.exited(self)
        return original(self, typ, value, traceback)

    return hooked


def _watch(original: Any) -> Any:
    def hooked(self: Any, tensor: Any) -> Any:
        out = original(self, tensor)
        who = listener()
        if who is not None:
            who.watches(self, tensor)
        return out

    return hooked


def _stop(original: Any) -> Any:
    @contextmanager
    def hooked(self: Any) -> Iterator[None]:
        with original(self):
            who = listener()
            if who is not None:
                who.paused(self)
            try:
                yield
            finally:
                if who is not None:
                    who.resumed(self)

    return hooked


def _reset(original: Any) -> Any:
    def hooked(self: Any) -> Any:
        out = original(self)
        who = listener()
        if who is not None:
            who.resets(self)
        return out

    return hooked


def _ask(what: str) -> Callable[[Any], Any]:
    names = ("output_gradients", "unconnected_gradients") if what == "gradient" else ("unconnected_gradients", "parallel_iterations", "experimental_use_pfor")  # fmt: skip

    def make(original: Any) -> Any:
        def ask(tape: Any, target: Any, sources: Any, args: Any, kwargs: Any) -> Any:
            who = listener()
            if who is None:
                return original(tape, target, sources, *args, **kwargs)
            given = {**dict(zip(names, args, strict=False)), **kwargs}

            def asks(target: Any, sources: Any, **more: Any) -> Any:
                return original(tape, target, sources, **more)

            return who.asked(what, tape, asks, target, sources, given)

        def hooked(self: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, target, sources, args, kwargs)

        def hooked_batch(self: Any, target: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, target, source, args, kwargs)

        return hooked_batch if what == "batch_jacobian" else hooked

    return make


def _call(original: Any) -> Any:
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        who = listener()
        if who is not None and who.calls(self, args, kwargs):
            return self.python_function(*args, **kwargs)
        return original(self, *args, **kwargs)

    return hooked


def _jvp(original: Any) -> Any:
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        who = listener()
        if who is not None:
            who.accumulates()
        return original(self, *args, **kwargs)

    return hooked


_TAPE: dict[str, Callable[[Any], Any]] = {
    "__init__": _init,
    "__enter__": _enter,
    "__exit__": _exit,
    "watch": _watch,
    "stop_recording": _stop,
    "reset": _reset,
    "gradient": _ask("gradient"),
    "jacobian": _ask("jacobian"),
    "batch_jacobian": _ask("batch_jacobian"),
}
