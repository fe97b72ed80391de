"""`gradlab.Tape`: a tf.GradientTape that can say why a gradient is missing."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.recorded import explain_last
from gradlab.doctor.frontends.traced import TracedTape
from gradlab.doctor.recording import hooks, session
from gradlab.doctor.recording.session import Session
from gradlab.doctor.recording.tape_calls import TapeLog
from gradlab.doctor.report.report import Report

_as_it_is = tf.autograph.experimental.do_not_convert  # a traced function converts what it calls; this is ours


class Tape(tf.GradientTape):
    """Drop-in `tf.GradientTape`: same arguments, same gradients, same exceptions; `report()` explains the last
    gradient call.

    Beside the learner's tape a second one watches every intermediate value, from the first `with` to the last gradient
    call, so memory is that
    of a persistent tape; meant for one step at a time, not for whole training runs. Recording ends with the gradient
    call of a non-persistent
    tape; a persistent one is recorded until it is deleted or `report()` was called. Inside a tf.function that is being
    traced there are no values: the report tells from the graph which gradients are None and why. If none is, it runs
    that function once more in eager mode for the values, and puts variables and generators back.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        super().__init__(persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        self._gradlab_session: Session | None = None
        self._gradlab_log: TapeLog | None = None
        self._gradlab_arguments = (persistent, watch_accessed_variables)
        self._gradlab_traced: TracedTape | None = None

    def _gradlab_open(self) -> tuple[Session, TapeLog] | None:
        """This tape's session and log, opened at need; None inside an explain, where it is a plain tape."""
        if self._gradlab_session is not None and not self._gradlab_session.closed and self._gradlab_log is not None:
            return self._gradlab_session, self._gradlab_log
        if not tf.executing_eagerly():
            return None
        found = session.current()
        if found is None:
            if hooks.listener() is not None:
                return None
            found = session.open_session("tape")
        log = self._gradlab_log
        if log is None:
            log = self._gradlab_log = found.add(*self._gradlab_arguments)
            self._gradlab_end = weakref.finalize(self, finished, found, log)
        else:
            found.waiting.add(log.token)
        self._gradlab_session = found
        return found, log

    def _gradlab_in_graph(self) -> TracedTape | None:
        """What is kept of this tape while a graph is being traced; None in eager mode."""
        if tf.executing_eagerly():
            return None
        if self._gradlab_traced is None:
            self._gradlab_traced = TracedTape(*self._gradlab_arguments)
        return self._gradlab_traced

    def __enter__(self) -> Tape:
        opened, traced = self._gradlab_open(), self._gradlab_in_graph()
        super().__enter__()
        if opened:
            opened[0].enter(opened[1])
        if traced:
            traced.enter()
        return self

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        super().__exit__(typ, value, traceback)
        opened, traced = self._gradlab_open(), self._gradlab_in_graph()
        if traced:
            traced.exit()
        if opened:
            opened[0].exit(opened[1])
            if value is not None and not getattr(value, "_gradlab_seen", False):
                opened[0].raised(opened[1], "with", value)
                opened[0].done(opened[1])

    @_as_it_is
    def watch(self, tensor: Any) -> None:
        opened = self._gradlab_open()
        try:
            super().watch(tensor)
        except Exception as error:
            if opened:
                opened[0].raised(opened[1], "watch", error, tensor)
            raise
        if opened:
            opened[0].watch(opened[1], tensor)
        traced = self._gradlab_in_graph()
        if traced:
            traced.watch(tensor)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        opened = self._gradlab_open()
        with ExitStack() as stack:
            try:
                stack.enter_context(super().stop_recording())
            except Exception as error:
                if opened:
                    opened[0].raised(opened[1], "stop_recording", error)
                raise
            if opened:
                opened[0].pause(opened[1])
                stack.callback(opened[0].resume, opened[1])
            traced = self._gradlab_in_graph()
            if traced:
                stack.enter_context(traced.stopped())
            yield

    @_as_it_is
    def reset(self) -> None:
        super().reset()
        traced = self._gradlab_in_graph()
        if traced:
            traced.reset = traced.now()
        if self._gradlab_log is not None:
            self._gradlab_log.watched.clear()
            if self._gradlab_session is not None:
                self._gradlab_log.reset = len(self._gradlab_session.trace.ops)

    @_as_it_is
    def gradient(self, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("gradient", target, sources, args, kwargs)

    @_as_it_is
    def jacobian(self, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("jacobian", target, sources, args, kwargs)

    @_as_it_is
    def batch_jacobian(self, target: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("batch_jacobian", target, source, args, kwargs)

    def _gradlab_ask(self, what: str, target: Any, sources: Any, args: Any, kwargs: Any) -> Any:
        plain = getattr(super(), what)
        traced = self._gradlab_in_graph()
        if traced:
            return session.ask_traced(traced, what, plain, target, sources, args, kwargs)
        opened = self._gradlab_open()
        if not opened or opened[0].asking:
            return plain(target, sources, *args, **kwargs)
        return opened[0].ask(opened[1], what, plain, target, sources, args, kwargs)

    def report(self) -> Report:
        """Explain the last gradient, jacobian or batch_jacobian call of this tape. RuntimeError if there was none
        yet."""
        call = session.last_call()
        if call is None or (call.tape is not self._gradlab_log and call.tape is not self._gradlab_traced):
            raise RuntimeError(
                "this tape has no gradient call to explain: call tape.gradient(loss, sources) first (only "
                "the last call of the thread is kept)"
            )
        if self._gradlab_session is not None and self._gradlab_log is not None:
            self._gradlab_session.done(self._gradlab_log)
        return last_report()  # type: ignore[return-value]


def finished(found: Session, log: TapeLog) -> None:
    """A recorded tape is gone."""
    found.done(log)


def last_report() -> Report | None:
    """The report on the last gradient call of this thread's recorded tapes, also after an exception; None if there was
    none."""
    return explain_last()
