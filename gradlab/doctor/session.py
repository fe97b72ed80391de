"""Recording beside the learner's own tapes: what each tape saw, watched and was asked, op by op.

A session belongs to one thread. It starts with the first recorded tape (or with `explain_call`), ends when no recorded
tape is open or waiting
for its gradient call, and leaves a light memory of its ops, so that a value which comes from an earlier tape can be
traced back.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import tensorflow as tf

from gradlab.doctor import flow, patches
from gradlab.doctor.frames import Place, code_of, is_user_file, places, stack, user_frame
from gradlab.doctor.observe import MAX_OPS, Run, Witness
from gradlab.doctor.record import Op, Trace, remembered
from gradlab.doctor.recorders import recorder
from gradlab.doctor.sources import FLOATS, is_owner, unwrap

HISTORY = 20_000
MAX_READS = 2_000  # constants and variable reads looked through when a session ends
SITES = 5  # lines that asked for gradients whose last calls are kept
ROLL = 5_000  # ops after which a long recording starts anew between two tapes
_local = threading.local()


@dataclass
class TapeLog:
    """What one tape did."""

    token: int
    persistent: bool
    watches_variables: bool = True
    entered: int | None = None  # op number
    exited: int | None = None
    watched: dict[int, tuple[int, list[Place]]] = field(default_factory=dict)  # key -> (op number, places)
    stopped: list[list[Place]] = field(default_factory=list)
    calls: int = 0
    reset: int | None = None  # op number of the last reset


@dataclass
class Call:
    """One gradient, jacobian or batch_jacobian call (or another call on a tape that raised)."""

    what: str
    tape: TapeLog
    target: Any
    sources: Any
    result: Any
    error: BaseException | None
    where: list[Place]
    at: int
    trace: Trace
    history: Trace | None
    names: dict[str, Any]
    functions: list[Any] = field(default_factory=list)  # the learner's functions that the caller can name
    frame: Any = None
    made: set[int] = field(default_factory=set)


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
        patches.start(witness)
        self.stack.callback(patches.stop, witness)
        self.stack.enter_context(tape)
        self.stack.enter_context(
            recorder().recording(self.trace, limit=MAX_OPS, on_op=self._on_op, tapes=lambda: self.active)
        )

    def _on_op(self, op: Op, inputs: Any, outputs: Any) -> None:
        floats = [t for t in outputs if t.dtype in FLOATS]
        tape = self.trace.tape
        if floats:
            tape.watch(floats)
        elif flow.is_write(op) and inputs and inputs[0].dtype == tf.resource and op.type != "MakeIterator":
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

    def asked(
        self, log: TapeLog, what: str, target: Any, sources: Any, result: Any, error: BaseException | None, at: int
    ) -> None:
        """Remember this call as the thread's last. One that recording code outside the learner's made does not
        count."""
        frame = user_frame()
        seen = _visible(frame)
        names = {n: v for n, v in seen.items() if _telling(v)}
        functions = [v for v in seen.values() if _is_theirs(v)]
        slices = any(isinstance(g, tf.IndexedSlices) for g in _leaves(result))
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
        )
        remember(call)
        if self.owner == "call":
            site = (call.where[0].file, call.where[0].line) if call.where else ("", 0)
            self.calls.pop(site, None)
            self.calls[site] = call
            while len(self.calls) > SITES:
                self.calls.pop(next(iter(self.calls)))


def _leaves(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return [x for v in result.values() for x in _leaves(v)]
    if isinstance(result, (list, tuple)) and not isinstance(result, tf.IndexedSlices):
        return [x for v in result for x in _leaves(v)]
    return [result]


def _visible(frame: FrameType | None) -> dict[str, Any]:
    """What a frame can name: its own names, and the globals that its code mentions."""
    if frame is None:
        return {}
    seen = dict(frame.f_locals)
    if frame.f_code.co_name != "<module>":
        for n in frame.f_code.co_names:
            if n in frame.f_globals:
                seen.setdefault(n, frame.f_globals[n])
    return seen


def _is_theirs(value: Any) -> bool:
    """Is it a function, or an object to be called, of the learner's?"""
    code = code_of(value) if callable(value) and not isinstance(value, type) else None
    return code is not None and is_user_file(code.co_filename)


def _telling(value: Any) -> bool:
    """Worth remembering from the learner's names: tensors, variables, containers of them, layers, models, numbers."""
    if hasattr(value, "__dict__") and is_user_file(
        getattr(sys.modules.get(type(value).__module__), "__file__", None) or ""
    ):
        return True
    return (
        isinstance(value, (tf.Tensor, tf.Variable, float, list, tuple, dict))
        or is_owner(value)
        or hasattr(value, "handle")
        or type(value).__module__ == "numpy"
    )


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


def remember(call: Call) -> None:
    _local.call = call
    _local.report = None


def last_call() -> Call | None:
    return getattr(_local, "call", None)


def cached_report() -> Any:
    return getattr(_local, "report", None)


def cache_report(report: Any) -> None:
    _local.report = report
