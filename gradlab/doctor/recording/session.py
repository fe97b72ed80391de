"""Recording beside the learner's own tapes: what each tape saw, watched and was asked, op by op.

A session belongs to one thread. It starts with the first recorded tape (or with `explain_call`), ends when no recorded
tape is open or waiting
for its gradient call, and leaves a light memory of its ops, so that a value which comes from an earlier tape can be
traced back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis import dataflow
from gradlab.doctor.frontends.traced import TracedCall, TracedTape, running
from gradlab.doctor.recording import hooks
from gradlab.doctor.recording.backends import recorder
from gradlab.doctor.recording.frames import places, stack, user_frame
from gradlab.doctor.recording.recorded_run import MAX_OPS, Run, Witness
from gradlab.doctor.recording.sources import FLOATS, unwrap
from gradlab.doctor.recording.tape_calls import Call, TapeLog, frames_around, is_theirs, leaves, telling, visible
from gradlab.doctor.recording.trace import Op, Trace, remembered

HISTORY = 20_000
MAX_READS = 2_000  # constants and variable reads looked through when a session ends
SITES = 5  # lines that asked for gradients whose last calls are kept
ROLL = 5_000  # ops after which a long recording starts anew between two tapes
_local = threading.local()


class Session:
    """One recording."""

    def __init__(self, owner: str, eager: Callable[[Any], bool] = lambda function: False) -> None:
        self.owner = owner
        self.thread = threading.get_ident()
        self.trace = Trace()
        self.active: frozenset[int] = frozenset()
        self.waiting: set[int] = set()  # tokens of tapes that may still be asked
        self.tokens = 0
        self.stack = ExitStack()
        self.eager = eager
        self.closed = False
        self.calls: dict[tuple[str, int], Call] = {}  # the last call of each line that asked, for the last few lines
        self.asking = False  # a gradient call is going on
        self.ready = False
        self._begin()

    def _begin(self) -> None:
        self.ready = False  # our own tape is not the learner's
        tape = self.trace.tape = tf.GradientTape(persistent=True)
        self.ready = True
        witness = Witness(self.trace, self.eager)
        witness.on_op, witness.tapes = self._on_op, lambda: self.active
        hooks.start(witness)
        self.stack.callback(hooks.stop, witness)
        self.stack.enter_context(tape)
        self.stack.enter_context(
            recorder().recording(self.trace, limit=MAX_OPS, on_op=self._on_op, tapes=lambda: self.active)
        )

    def _on_op(self, op: Op, inputs: Any, outputs: Any) -> None:
        floats = [t for t in outputs if t.dtype in FLOATS]
        tape = self.trace.tape
        if floats:
            tape.watch(floats)
        elif dataflow.is_write(op) and inputs and inputs[0].dtype == tf.resource and op.type != "MakeIterator":
            tape.watch(inputs[0])

    def roll(self) -> None:
        """Start a new trace between two tapes, so that a training loop does not grow without bound."""
        if len(self.trace.ops) > ROLL and not self.waiting and not self.active:
            self.stack.close()
            self._resolve()
            _local.history = remembered(self.trace, HISTORY)
            self.trace = Trace()
            self._begin()

    def _resolve(self) -> None:
        """While the tape still knows: which tensors did fast ops read from which variable?"""
        fresh = [k for k in self.trace.external if k >= self.trace.first_key]
        variables = [unwrap(v) for v in self.trace.tape.watched_variables()]
        if not variables or len(fresh) > MAX_READS:
            return
        run = Run(self.trace, [], recorder().key)
        run.resolve_reads({recorder().key(v): v for v in variables})
        self.trace.reads = run.reads

    def close(self) -> None:
        """Stop recording and leave the light memory."""
        if self.closed:
            return
        self.closed = True
        self.stack.close()
        self._resolve()
        _local.history = remembered(self.trace, HISTORY)
        if getattr(_local, "session", None) is self:
            _local.session = None

    # --- tapes --------------------------------------------------------------------------------------------------------

    def add(self, persistent: bool, watches_variables: bool) -> TapeLog:
        self.roll()
        self.tokens = next_token()
        log = TapeLog(self.tokens, persistent, watches_variables)
        self.waiting.add(log.token)
        return log

    def enter(self, log: TapeLog) -> None:
        if log.entered is None:
            log.entered = len(self.trace.ops)
        log.exited = None
        self.active |= {log.token}

    def exit(self, log: TapeLog) -> None:
        log.exited = len(self.trace.ops)
        self.active -= {log.token}

    def pause(self, log: TapeLog) -> None:
        self.active -= {log.token}
        log.stopped.append(places(stack(2)[0]))

    def resume(self, log: TapeLog) -> None:
        self.active |= {log.token}

    def watch(self, log: TapeLog, tensors: Any) -> None:
        spots = places(stack(2)[0])
        for t in tf.nest.flatten(tensors, expand_composites=True):
            try:
                k = recorder().key(t)
            except AttributeError:
                continue  # not a tensor: the tape itself refuses it
            log.watched.setdefault(k, (len(self.trace.ops), spots))
            if getattr(t, "dtype", None) in FLOATS:
                self.trace.tape.watch(t)

    def done(self, log: TapeLog) -> None:
        """The tape will not be asked again."""
        self.waiting.discard(log.token)
        self.active -= {log.token}
        if not self.waiting and self.owner == "tape":
            self.close()

    def ask(
        self,
        log: TapeLog,
        what: str,
        plain: Callable[..., Any],
        target: Any,
        sources: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Ask the tape by its own method `plain`, and remember the call and how it ended."""
        log.calls += 1
        at = len(self.trace.ops)
        self.asking = True
        try:
            result = plain(target, sources, *args, **kwargs)
        except Exception as error:
            self.asked(log, what, target, sources, None, error, at)
            mark(error)
            self.done(log)
            raise
        finally:
            self.asking = False
        self.asked(log, what, target, sources, result, None, at)
        if not log.persistent:
            self.done(log)
        return result

    def raised(self, log: TapeLog, what: str, error: BaseException, sources: Any = None) -> None:
        """Remember a call other than for a gradient that ended with an exception."""
        if not getattr(error, "_gradlab_seen", False):
            self.asked(log, what, None, sources, None, error, len(self.trace.ops))
            mark(error)

    def asked(
        self, log: TapeLog, what: str, target: Any, sources: Any, result: Any, error: BaseException | None, at: int
    ) -> None:
        """Remember this call as the thread's last. One that recording code outside the learner's made does not
        count."""
        frame = user_frame()
        seen = visible(frame)
        names = {n: v for n, v in seen.items() if telling(v)}
        functions = [v for v in seen.values() if is_theirs(v)]
        slices = any(isinstance(g, tf.IndexedSlices) for g in leaves(result))
        call = Call(
            what,
            log,
            target,
            sources,
            result,
            error,
            places(stack(1)[0]),
            at,
            self.trace,
            _history(),
            names,
            functions,
            frame if slices else None,
            frames=frames_around(),
        )
        remember(call)
        if self.owner == "call":
            site = (call.where[0].file, call.where[0].line) if call.where else ("", 0)
            self.calls.pop(site, None)
            self.calls[site] = call
            while len(self.calls) > SITES:
                self.calls.pop(next(iter(self.calls)))


def ask_traced(
    tape: TracedTape,
    what: str,
    plain: Callable[..., Any],
    target: Any,
    sources: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Ask a tape inside a graph that is being traced, and remember the call."""
    if getattr(_local, "tracing", False):  # jacobian asks for gradients itself
        return plain(target, sources, *args, **kwargs)
    tape.calls += 1
    frame = user_frame()
    names = {n: v for n, v in visible(frame).items() if telling(v)}
    call = TracedCall(tape, what, target, sources, None, None, places(stack(2)[0]), names, running())
    call.frames = frames_around()
    _local.tracing = True
    try:
        call.result = plain(target, sources, *args, **kwargs)
    except Exception as error:
        call.error = error
        mark(error)
        raise
    finally:
        _local.tracing = False
        remember(call)
    return call.result


def mark(error: BaseException) -> None:
    """Remember on an exception that a report tells of it."""
    try:
        error._gradlab_seen = True  # type: ignore[attr-defined]
    except AttributeError:
        return  # an exception class with slots: it may be reported twice


def next_token() -> int:
    _local.token = getattr(_local, "token", 0) + 1
    return int(_local.token)


def _history() -> Trace | None:
    return getattr(_local, "history", None)


def current() -> Session | None:
    """This thread's session, if one is open."""
    return getattr(_local, "session", None)


def open_session(owner: str, eager: Callable[[Any], bool] = lambda function: False) -> Session:
    """Start a session in this thread. RuntimeError if the thread is being recorded already."""
    session = Session(owner, eager)
    _local.session = session
    return session


def forget() -> None:
    """Drop what earlier tapes of this thread left."""
    _local.history = None
    _local.call = None
    _local.report = None


def remember(call: Call | TracedCall) -> None:
    _local.call = call
    _local.report = None


def last_call() -> Call | TracedCall | None:
    return getattr(_local, "call", None)


def cached_report() -> Any:
    return getattr(_local, "report", None)


def cache_report(report: Any) -> None:
    _local.report = report
