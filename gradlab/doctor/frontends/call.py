"""`explain_call`: record every tf.GradientTape that a piece of code opens, and explain its last gradient call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.first_bad_step import reports_of
from gradlab.doctor.frontends.recorded import report_on, summary
from gradlab.doctor.frontends.tape import Followed, Tape
from gradlab.doctor.recording import hooks, session
from gradlab.doctor.recording.session import Collector, Remembered
from gradlab.doctor.recording.tape_calls import Asked
from gradlab.doctor.report.report import Report

_as_it_is = tf.autograph.experimental.do_not_convert


def explain_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Report | None:
    """Run `function(*args, **kwargs)` once and explain the last gradient that a tf.GradientTape in it was asked for.

    The code runs unchanged and once, with ordinary tapes, whichever way it imported GradientTape; beside them every op
    is recorded, and nothing is patched any more when this returns. tf.functions stay compiled; a tape inside one is
    explained from the graph that it was traced into. Tapes of threads that the code starts count as well.

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
    returned: Any = None
    raised: BaseException | None = None
    with recorded_tapes() as opened:
        try:
            returned = function(*args, **kwargs)
        except Exception as error:  # kept in the report, or raised again below
            raised = error
    last = next(reversed(_told(opened, raised)), None)
    try:
        with session.telling(opened):
            report = report_on(last, again=False) if last is not None else None
    finally:
        session.forget(opened.first_order)
    if report is None:
        if raised is not None:
            raise raised
        return None
    report.returned, report.raised = returned, raised
    return report


def reports(opened: Collector, ended: BaseException | None = None, over: bool = False) -> list[Report]:
    """One report for each line that asked a tape (more, if it trained several models), in the order of the last calls;
    the lines of one thread together, and replicas that say the same as one. `ended`: the exception that ended the code.
    `over`: the program has ended, and what it was given may be read once more."""
    try:
        made: list[Report] = []
        said: dict[Any, Report] = {}
        with session.telling(opened):
            for found in _told(opened, ended):
                for report in reports_of(found, partial(report_on, again=False, over=over)):
                    known = said.setdefault(_same(found, report), report)
                    if known is report:
                        made.append(report)
                    elif found.replica is not None:
                        known.title = f"{known.title} and {found.replica}"
        return made
    finally:
        session.forget(opened.first_order)
        opened.calls.clear()


def _same(found: session.Remembered, report: Report) -> Any:
    """Equal for reports on one line in several replicas that say the same."""
    if found.replica is None or not found.call.where:
        return id(report)
    rows = tuple((r.name, r.status, r.cause, r.where[0] if r.where else None) for r in report.rows)
    return found.call.where[0], rows


def _told(opened: Collector, ended: BaseException | None) -> list[Remembered]:
    """The calls to report, in order: not the exceptions out of a with-block that the code caught and went on after."""
    reached = list(_chain(ended))
    ordered = sorted(opened.calls.values(), key=lambda found: (not found.is_main, found.thread_number, found.order))
    return [found for found in ordered if not _caught(found, reached)]


def _caught(found: Remembered, reached: list[BaseException]) -> bool:
    call = found.call
    if not isinstance(call, Asked) or call.what != "with" or call.record is None:
        return False
    if call.record.thread != threading.current_thread().name:
        return False  # what ended another thread is not known here
    return not any(call.error is error for error in reached)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it was raised from or after."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def recorded_tapes() -> Iterator[Collector]:
    """Every tf.GradientTape of this thread, and of threads that are started meanwhile, is recorded."""
    session.forget()
    opened = session.collect(summary)
    session.begin("call", untested=True)
    try:
        with hooks.tapes_hooked(_METHODS):
            yield opened
    finally:
        session.end(opened)


def _of(tape: Any) -> Followed | None:
    """What is kept of a plain tape that is recorded."""
    return getattr(tape, "_gradlab_followed", None) if not isinstance(tape, Tape) else None


def _init(original: Any) -> Any:
    def hooked(self: Any, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        original(self, persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        if not isinstance(self, Tape) and session.collecting() is not None:
            self._gradlab_followed = Followed(self, persistent, watch_accessed_variables)

    return hooked


def _enter(original: Any) -> Any:
    def hooked(self: Any) -> Any:
        out = original(self)
        found = _of(self)
        if found:
            found.enter()
        return out

    return hooked


def _exit(original: Any) -> Any:
    def hooked(self: Any, typ: Any, value: Any, traceback: Any) -> Any:
        out = original(self, typ, value, traceback)
        found = _of(self)
        if found:
            found.exit(value)
        return out

    return hooked


def _watch(original: Any) -> Any:
    @_as_it_is
    def hooked(self: Any, tensor: Any) -> Any:
        found = _of(self)
        if found:
            return found.watch(partial(original, self), tensor)
        return original(self, tensor)

    return hooked


def _stop(original: Any) -> Any:
    @contextmanager
    def hooked(self: Any) -> Iterator[None]:
        found = _of(self)
        with found.stopped(partial(original, self)) if found else original(self):
            yield

    return hooked


def _reset(original: Any) -> Any:
    @_as_it_is
    def hooked(self: Any) -> Any:
        out = original(self)
        found = _of(self)
        if found:
            found.reset()
        return out

    return hooked


def _ask(what: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def ask(tape: Any, target: Any, sources: Any, args: Any, kwargs: Any) -> Any:
            found = _of(tape)
            if not found:
                return original(tape, target, sources, *args, **kwargs)
            return found.ask(what, partial(original, tape), target, sources, args, kwargs)

        @_as_it_is
        def hooked(self: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, target, sources, args, kwargs)

        @_as_it_is
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
