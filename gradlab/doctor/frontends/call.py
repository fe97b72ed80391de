"""`explain_call`: record every tf.GradientTape that a piece of code opens, and explain its last gradient call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.recorded import explain_last, explain_recorded
from gradlab.doctor.frontends.tape import Tape, finished
from gradlab.doctor.recording import hooks, session
from gradlab.doctor.recording.frames import code_of, is_user_file
from gradlab.doctor.recording.hooks import alone
from gradlab.doctor.recording.session import Session
from gradlab.doctor.recording.tape_calls import TapeLog
from gradlab.doctor.report.report import Report


def explain_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Report | None:
    """Run `function(*args, **kwargs)` once and explain the last gradient that a tf.GradientTape in it was asked for.

    The code runs unchanged and once, with ordinary tapes, whichever way it imported GradientTape; beside them every op
    is recorded, and nothing is
    patched any more when this returns. tf.functions that open a tape themselves (Keras' train step is one) run eagerly
    meanwhile.

    Returns
    -------
    Report or None
        None if no tape was asked for anything. `report.returned` is what the function returned. If the function raised
        after (or in) a gradient
        call, `report.raised` is the exception; if it raised before any, the exception passes through.

    Raises
    ------
    RuntimeError
        This thread is being explained or recorded already.
    """
    session.forget()
    returned: Any = None
    raised: BaseException | None = None
    with recorded_tapes():
        try:
            returned = function(*args, **kwargs)
        except Exception as error:  # kept in the report, or raised again below
            raised = error
    report = explain_last()
    session.forget()
    if report is None:
        if raised is not None:
            raise raised
        return None
    report.returned, report.raised = returned, raised
    return report


def reports(opened: Session) -> list[Report]:
    """One report for the last call of each line that asked a tape, in the order of these calls."""
    found = [explain_recorded(c) for c in opened.calls.values()]
    session.forget()
    opened.calls.clear()
    return found


@contextmanager
def recorded_tapes() -> Iterator[Session]:
    """Every tf.GradientTape of this thread is recorded while the context lasts."""
    with alone():
        opened = session.open_session("call", _opens_tape)
    try:
        with hooks.tapes_hooked(_METHODS):
            yield opened
    finally:
        opened.close()


def _mentions(code: CodeType, depth: int = 3) -> bool:
    if "GradientTape" in code.co_names or "gradient" in code.co_names:
        return True
    return depth > 0 and any(_mentions(c, depth - 1) for c in code.co_consts if isinstance(c, CodeType))


def _opens_tape(function: Any) -> bool:
    """Does a tf.function open a tape in its body, so that only an eager run lets it be recorded?"""
    code = code_of(function)
    if code is None:
        return False
    if is_user_file(code.co_filename):
        return _mentions(code) or _calls_step(code)
    return "trainer" in code.co_filename and "keras" in code.co_filename


def _calls_step(code: CodeType) -> bool:
    return any(n in code.co_names for n in ("train_step", "train_on_batch", "fit"))


_logs: weakref.WeakKeyDictionary[Any, tuple[Session, TapeLog]] = weakref.WeakKeyDictionary()


def _of(tape: Any) -> tuple[Session, TapeLog] | None:
    """The session and log of a plain tape of the recording thread."""
    opened = session.current()
    if (
        opened is None
        or opened.owner != "call"
        or isinstance(tape, Tape)
        or tape is opened.trace.tape
        or not tf.executing_eagerly()
    ):
        return None
    found = _logs.get(tape)
    if found is None or found[0] is not opened:
        return None
    return found


def _init(original: Any) -> Any:
    def hooked(self: Any, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        original(self, persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        opened = session.current()
        if (
            opened is None
            or opened.owner != "call"
            or opened.closed
            or isinstance(self, Tape)
            or not tf.executing_eagerly()
            or not opened.ready
        ):
            return
        log = opened.add(persistent, watch_accessed_variables)
        _logs[self] = opened, log
        weakref.finalize(self, finished, opened, log)

    return hooked


def _enter(original: Any) -> Any:
    def hooked(self: Any) -> Any:
        out = original(self)
        found = _of(self)
        if found:
            found[0].enter(found[1])
        return out

    return hooked


def _exit(original: Any) -> Any:
    def hooked(self: Any, typ: Any, value: Any, traceback: Any) -> Any:
        out = original(self, typ, value, traceback)
        found = _of(self)
        if found:
            found[0].exit(found[1])
            if value is not None:
                found[0].raised(found[1], "with", value)
        return out

    return hooked


def _watch(original: Any) -> Any:
    def hooked(self: Any, tensor: Any) -> Any:
        found = _of(self)
        try:
            original(self, tensor)
        except Exception as error:
            if found:
                found[0].raised(found[1], "watch", error, tensor)
            raise
        if found:
            found[0].watch(found[1], tensor)

    return hooked


def _stop(original: Any) -> Any:
    @contextmanager
    def hooked(self: Any) -> Iterator[None]:
        found = _of(self)
        with original(self):
            if found:
                found[0].pause(found[1])
            try:
                yield
            finally:
                if found:
                    found[0].resume(found[1])

    return hooked


def _reset(original: Any) -> Any:
    def hooked(self: Any) -> Any:
        out = original(self)
        found = _of(self)
        if found:
            found[1].watched.clear()
            found[1].reset = len(found[0].trace.ops)
        return out

    return hooked


def _ask(what: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def ask(tape: Any, target: Any, sources: Any, args: Any, kwargs: Any) -> Any:
            found = _of(tape)
            if not found or found[0].asking:
                return original(tape, target, sources, *args, **kwargs)
            return found[0].ask(found[1], what, partial(original, tape), target, sources, args, kwargs)

        def hooked(self: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, target, sources, args, kwargs)

        def hooked_batch(self: Any, target: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, target, source, args, kwargs)

        return hooked_batch if what == "batch_jacobian" else hooked

    return make


_METHODS: dict[str, Callable[[Any], Any]] = {
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
