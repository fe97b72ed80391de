"""`gradlab.Tape`: a tf.GradientTape that can say why a gradient is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.recorded import explain_last, report_on
from gradlab.doctor.recording import hooks, session
from gradlab.doctor.recording.tape_calls import TapeLog
from gradlab.doctor.recording.traced_tape import TracedTape
from gradlab.doctor.report.report import Report
from gradlab.runtime.shown_traceback import clean_uncaught

_as_it_is = tf.autograph.experimental.do_not_convert  # a traced function converts what it calls; this is ours


class Followed:
    """What is kept of one tape: its log in eager mode, its graph where a graph is traced."""

    def __init__(self, tape: Any, persistent: bool, watches_variables: bool) -> None:
        self.persistent, self.watches_variables = persistent, watches_variables
        self.log: TapeLog | None = None
        self.traced: TracedTape | None = None
        if tf.executing_eagerly():
            self.log = session.log_for(tape, persistent, watches_variables)

    def now(self) -> TapeLog | TracedTape | None:
        """The one that counts at this moment. None: the tape was made in a graph and is used in eager mode."""
        if tf.executing_eagerly():
            return self.log
        if self.traced is None:
            self.traced = TracedTape(self.persistent, self.watches_variables)
        return self.traced

    def enter(self) -> None:
        found = self.now()
        if isinstance(found, TapeLog):
            session.enter(found)
        elif found is not None:
            found.enter()

    def exit(self, error: BaseException | None) -> None:
        found = self.now()
        if isinstance(found, TapeLog):
            session.leave(found)
            if error is not None:
                session.raised(found, "with", error)
                session.done(found)
        elif found is not None:
            found.exit()

    def watch(self, plain: Callable[[Any], None], tensor: Any) -> None:
        found = self.now()
        try:
            plain(tensor)
        except Exception as error:
            if isinstance(found, TapeLog):
                session.raised(found, "watch", error, tensor)
            raise
        if isinstance(found, TapeLog):
            session.watch(found, tensor)
        elif found is not None:
            found.watch(tensor)

    @contextmanager
    def stopped(self, plain: Callable[[], Any]) -> Iterator[None]:
        found = self.now()
        with ExitStack() as stack:
            try:
                stack.enter_context(plain())
            except Exception as error:
                if isinstance(found, TapeLog):
                    session.raised(found, "stop_recording", error)
                raise
            if isinstance(found, TapeLog):
                session.pause(found)
                stack.callback(session.resume, found)
            elif found is not None:
                stack.enter_context(found.stopped())
            yield

    def reset(self) -> None:
        found = self.now()
        if isinstance(found, TapeLog):
            session.reset(found)
        elif found is not None:
            found.reset = found.now()

    def ask(self, what: str, plain: Callable[..., Any], target: Any, sources: Any, args: Any, kwargs: Any) -> Any:
        found = self.now()
        if isinstance(found, TapeLog):
            return session.ask(found, what, plain, target, sources, args, kwargs)
        if found is not None:
            return session.ask_traced(found, what, plain, target, sources, args, kwargs)
        session.lost()  # made in a graph and asked in eager mode: nothing is known of it
        return plain(target, sources, *args, **kwargs)


class Tape(tf.GradientTape):
    """Drop-in `tf.GradientTape`: same arguments, same gradients, same exceptions; `report()` explains the last
    gradient call.

    What runs between the first `with` and the gradient call is recorded beside the tape: the ops, what went in and came
    out, and the lines of your code. The tape itself and what it computes are those of a tf.GradientTape. When a report
    is asked, a second tape is rebuilt from the record; nothing runs again. The record of the last call of each thread is
    kept, so memory is that of a persistent tape. A tape may be asked, and its last reference may go, in any thread.

    Inside a tf.function that is being traced there are no values: the report tells from the graph which gradients are
    None and why. For the values of the others `report()` runs that function once more in eager mode, and puts variables
    and generators back. In a `train_step` under Keras' `fit` the values that the variables had before the first step are
    kept for that, up to 256 MiB.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        super().__init__(persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        self._gradlab = None if hooks.busy() else Followed(self, persistent, watch_accessed_variables)

    def __enter__(self) -> Tape:
        super().__enter__()
        if self._gradlab is not None:
            self._gradlab.enter()
        return self

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        super().__exit__(typ, value, traceback)
        if self._gradlab is not None:
            self._gradlab.exit(value)

    @_as_it_is
    def watch(self, tensor: Any) -> None:
        if self._gradlab is None:
            return super().watch(tensor)
        try:
            return self._gradlab.watch(super().watch, tensor)
        except Exception:
            clean_uncaught()
            raise

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        plain = super().stop_recording
        with plain() if self._gradlab is None else self._gradlab.stopped(plain):
            yield

    @_as_it_is
    def reset(self) -> None:
        super().reset()
        if self._gradlab is not None:
            self._gradlab.reset()

    @_as_it_is
    def gradient(self, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("gradient", super().gradient, target, sources, args, kwargs)

    @_as_it_is
    def jacobian(self, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("jacobian", super().jacobian, target, sources, args, kwargs)

    @_as_it_is
    def batch_jacobian(self, target: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        return self._gradlab_ask("batch_jacobian", super().batch_jacobian, target, source, args, kwargs)

    def _gradlab_ask(
        self, what: str, plain: Callable[..., Any], target: Any, sources: Any, args: Any, kwargs: Any
    ) -> Any:
        if self._gradlab is None:
            return plain(target, sources, *args, **kwargs)
        try:
            return self._gradlab.ask(what, plain, target, sources, args, kwargs)
        except Exception:
            clean_uncaught()
            raise

    def report(self) -> Report:
        """Explain the last gradient, jacobian or batch_jacobian call of this tape. RuntimeError if there was none
        yet."""
        followed = self._gradlab
        found = None
        for kept in (followed.log, followed.traced) if followed is not None else ():
            found = found or (session.last_of(kept) if kept is not None else None)
        if found is None:
            raise RuntimeError(
                "this tape has no gradient call to explain: call tape.gradient(loss, sources) first (only "
                "the last call of each thread is kept)"
            )
        if followed is not None and followed.log is not None:
            session.done(followed.log)
        return report_on(found)


def last_report() -> Report | None:
    """The report on the last gradient call of a recorded tape in this thread, also after an exception; in the main
    thread, on the last of any thread (the title names it, and a note the others that have asked). None if there was
    none, or if the last one cannot be explained."""
    return explain_last()
