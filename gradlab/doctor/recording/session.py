"""What happens to tapes and calls: which record a tape belongs to, when recording begins and ends, what was asked last.

A thread records from the first recorded tape that is entered in it to the last gradient call that may come; then its
record is closed. Tapes that overlap share their thread's record. A tape may be asked, and its last reference may go, in
any thread: its record stays what it is. What earlier tapes of the thread did is kept without the tensors, so that a
value which comes from there can be traced back.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import compiled_steps, hooks, tf_internals
from gradlab.doctor.recording.backends import available, recorder
from gradlab.doctor.recording.compiled_steps import CompiledSteps
from gradlab.doctor.recording.contents import checksums
from gradlab.doctor.recording.fitted import fitting
from gradlab.doctor.recording.frames import places, stack, user_frame, user_frames
from gradlab.doctor.recording.record import MAX_OPS, Record
from gradlab.doctor.recording.replicas import components, replica
from gradlab.doctor.recording.steps import Lines, Step
from gradlab.doctor.recording.tape_calls import (
    Asked,
    TapeLog,
    frames_around,
    is_user_callable,
    leaves,
    visible,
    worth_recording,
)
from gradlab.doctor.recording.tf_internals import local
from gradlab.doctor.recording.traced_tape import TracedCall, TracedTape, running
from gradlab.runtime.exceptions import sentence

SITES = 5  # lines whose last call had every gradient and is kept whole, in each thread: each holds a step's tensors
TROUBLED = 32  # the same for lines where something is missing: few programs have more, and 32 small steps fit in memory
ROLL = 5_000  # entries after which a script's record, with no tape open, is kept without its tensors
AFTER = 2_000  # entries that a tape nobody has asked yet is followed for after its with-block
SEEN = "_gradlab_seen"  # set on an exception that a report tells of
GRADIENTS = ("gradient", "jacobian", "batch_jacobian")
THREADS = 16  # threads whose last call is kept: the replicas of a machine, a pool of workers


class _Thread(threading.local):
    """What is kept for each thread."""

    def __init__(self) -> None:
        self.serial = next(_serials)
        self.last: Record | None = None  # the newest record
        self.call: Remembered | None = None
        self.collector: Collector | None = None
        self.tracing = False  # a gradient call in a graph is going on
        self.lines = Lines()
        self.told: Collector | None = None  # the collector whose calls are being reported
        self.again: list[Remembered] | None = (
            None  # what is asked while a step of the learner's runs once more for a report
        )


class Remembered:
    """A finished call, with where it came from and, once it is made, its report."""

    def __init__(self, call: Asked | TracedCall) -> None:
        self.call = call
        self.order = next(_orders)
        self.thread = threading.current_thread().name
        self.is_main = threading.current_thread() is threading.main_thread()
        self.thread_number = threading.get_native_id()  # later threads have larger ones
        self.replica = replica()
        self.report: Any = None
        self.at = time.time()
        self.raised_before = id(
            getattr(sys, "last_value", None)
        )  # of the exception that Python, or IPython, showed last
        self.step: Step | None = None  # which step of a training the call is
        self.compiled: CompiledSteps | None = None  # the steps of the tf.function in which the call was traced
        self.whole = True  # the record is still there
        self.odd = False  # every gradient is there, and of a size that the record may explain

    @property
    def healthy(self) -> bool:
        """Were all gradients there, in this call and in all trainings of its line? Not known of a traced call."""
        if not isinstance(self.call, Asked) or self.call.error is not None or self.step is None or self.odd:
            return False
        return bool(leaves(self.call.sources)) and not any(t.since for t in self.step.line.trainings)

    def shorten(self, summary: Callable[[Remembered], Any]) -> None:
        """Keep what can be said without the record, and let go of every tensor. `odd` instead, if that is too little."""
        assert isinstance(self.call, Asked)
        report = summary(self)
        if report is None:
            self.odd = True
            return
        self.report = report
        log = replace(self.call.log, record=None, watched={})
        nothing: dict[str, Any] = dict.fromkeys(("target", "sources", "result", "record"))
        self.call = replace(self.call, log=log, names={}, functions=[], held=[], frames=[], own={}, **nothing)
        self.step, self.whole = None, False

    @property
    def origin(self) -> str:
        """Words for a thread or replica other than the main one."""
        if self.replica is not None:
            return f"replica {self.replica}"
        return "" if self.is_main else f"thread {self.thread}"


class Collector:
    """The calls on all tapes, the plain ones too, of a piece of code and of the threads it starts."""

    def __init__(self, summary: Callable[[Remembered], Any]) -> None:
        self.summary = summary  # makes the report on a call that is not kept whole
        self.calls: dict[tuple[int, str, int], Remembered] = {}  # the last call of each line that asked
        self.last: Remembered | None = None
        self.first_order = next(_orders)

    def add(self, found: Remembered) -> None:
        where = found.call.where
        serial = _thread.serial
        site = (serial, where[0].file, where[0].line) if where else (serial, "", 0)
        with _lock:
            self.calls.pop(site, None)
            self.calls[site] = self.last = found
            whole = [f for s, f in self.calls.items() if s[0] == serial and f.whole and isinstance(f.call, Asked)]
            healthy = [f for f in whole if f.healthy]
            troubled = [f for f in whole if f not in healthy]
        for old in [*healthy[:-SITES], *troubled[:-TROUBLED]]:
            old.shorten(self.summary)


_lock = threading.RLock()  # reentrant: the last reference to a tape may go while it is held
_serials, _orders, _tokens = itertools.count(1), itertools.count(1), itertools.count(1)
_thread = _Thread()
_latest: dict[int, Remembered] = {}  # serial of a thread -> its last call
_lost = [0]  # order number of the main thread's last call that cannot be explained
_collectors: list[Collector] = []
_running_again: list[list[Remembered]] = []  # of each thread in which a step runs once more


# --- records ----------------------------------------------------------------------------------------------------------


def current() -> Record | None:
    """The record of this thread, if one is open."""
    record = local.record
    return record if record is not None and not record.closed else None


def begin(owner: str, untested: bool = False) -> Record | None:
    """Open a record in this thread; None where nothing can be recorded.

    `untested`: the self-test, which starts TensorFlow's context, waits until the first op has done so.
    """
    if tf_internals.absent() or (not untested and not available()):
        return None
    before = _thread.last
    if before is not None:
        before.lighten_history()
    record = Record(owner, before=before, on_full=_full)
    if untested:
        record.test(partial(_close_untold, record))
    hooks.acquire()
    local.record = _thread.last = record
    return record


def _close_untold(record: Record) -> None:
    if not available():
        close(record)


def close(record: Record) -> None:
    """Stop recording. Any thread may."""
    with _lock:
        if record.closed:
            return
        record.closed = True
    record.spots.release()
    if local.record is record:
        local.record = None
    hooks.release()


def _full(record: Record) -> None:
    """The limit is reached: with a tape open the rest is not seen, otherwise the record ends or starts anew."""
    if record.active:
        record.truncated = True
    elif record.owner == "call":
        _rolled(record)
    else:
        close(record)


def _rolled(record: Record) -> Record:
    """A new record in place of this one, from the first tape on that may still be asked."""
    with _lock:
        waiting = list(record.waiting.values())
        start = min([log.entered for log in waiting if log.entered is not None], default=record.position())
        if start == 0:
            return record
        new = record.since(start)
        for log in waiting:
            log.move(new, start)
        record.closed = True  # the new one has taken over its part of the hooks
    local.record = _thread.last = new
    return new


# --- tapes ------------------------------------------------------------------------------------------------------------


def log_for(tape: Any, persistent: bool, watches_variables: bool) -> TapeLog:
    """The log of a new tape."""
    log = TapeLog(next(_tokens), persistent, watches_variables)
    log.end = weakref.finalize(tape, done, log)
    log.end.atexit = False
    return log


def enter(log: TapeLog) -> None:
    """The tape has been entered in this thread."""
    record = current()
    if record is None:
        record = begin("tape")
    elif record.owner == "explain":
        record = None  # inside an explain it is a plain tape
    elif not record.active:
        record = _rolled(record)
    if record is None:
        log.record = None
        return
    if log.record is not record:
        if log.record is not None:
            _leave(log.record, log)
        log.record, log.entered, log.reset = record, None, None
    with _lock:
        record.waiting[log.token] = log
    record.limit = MAX_OPS
    if log.entered is None:
        log.entered = record.position()
    log.exited = None
    record.switch(record.active | {log.token})


def leave(log: TapeLog) -> None:
    """The tape's with-block has ended."""
    record = log.record
    if record is None:
        return
    log.exited = record.position()
    _inactive(record, log)


def _inactive(record: Record, log: TapeLog) -> None:
    if log.token in record.active:
        record.switch(record.active - {log.token})
    if not record.active:
        record.limit = min(MAX_OPS, record.position() + (ROLL if record.owner == "call" else AFTER))


def pause(log: TapeLog) -> None:
    """The tape's recording is stopped."""
    if log.record is not None:
        log.record.switch(log.record.active - {log.token})


def resume(log: TapeLog) -> None:
    """The tape records again."""
    if log.record is not None:
        log.record.switch(log.record.active | {log.token})


def watch(log: TapeLog, tensors: Any) -> None:
    """The tape was told to watch something."""
    if log.record is None:
        return
    spots = places(stack(2)[0])
    for t in tf.nest.flatten(tensors, expand_composites=True):
        try:
            k = recorder().key(t)
        except AttributeError:
            continue  # not a tensor: the tape itself refuses it
        log.watched.setdefault(k, (log.record.position(), spots))


def reset(log: TapeLog) -> None:
    """The tape forgets what it has recorded."""
    log.watched.clear()
    if log.record is not None:
        log.reset = log.record.position()


def done(log: TapeLog) -> None:
    """The tape will not be asked again. Any thread may say so."""
    if log.record is not None:
        _leave(log.record, log)


def _leave(record: Record, log: TapeLog) -> None:
    with _lock:
        record.waiting.pop(log.token, None)
        if log.token in record.active:
            record.switch(record.active - {log.token})
        last = not record.waiting and record.owner == "tape"
    if last:
        close(record)


# --- calls ------------------------------------------------------------------------------------------------------------


def ask(
    log: TapeLog,
    what: str,
    plain: Callable[..., Any],
    target: Any,
    sources: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Ask the tape by its own method `plain`, and remember the call and how it ended."""
    if local.asking or hooks.busy():
        return plain(target, sources, *args, **kwargs)  # a call inside a call, or gradlab's own
    log.calls += 1
    at = log.record.position() if log.record is not None else 0
    # What a gradient call computes matters to another tape alone: one that records it, or should have.
    others = log.record is not None and any(token != log.token for token in log.record.waiting)
    local.asking, local.skipping = True, not others
    try:
        result = plain(target, sources, *args, **kwargs)
    except Exception as error:
        _record_call(log, what, target, sources, None, error, at)
        mark(error)
        done(log)
        raise
    except BaseException:  # Ctrl-C
        lost()
        raise
    finally:
        local.asking = local.skipping = False
    _record_call(log, what, target, sources, result, None, at)
    if not log.persistent:
        done(log)
    return result


def raised(log: TapeLog, what: str, error: BaseException, sources: Any = None) -> None:
    """Remember a call other than for a gradient that ended with an exception. The end of the data is none."""
    if isinstance(error, (StopIteration, tf.errors.OutOfRangeError)):
        return
    if isinstance(error, Exception) and not getattr(error, SEEN, False):
        at = log.record.position() if log.record is not None else 0
        _record_call(log, what, None, sources, None, error, at)
        mark(error)


def _record_call(
    log: TapeLog, what: str, target: Any, sources: Any, result: Any, error: BaseException | None, at: int
) -> None:
    frame = user_frame()
    seen = visible(frame)
    names = {n: v for n, v in seen.items() if worth_recording(v)}
    functions = [v for v in seen.values() if is_user_callable(v)]
    slices = any(isinstance(g, tf.IndexedSlices) for g in leaves(result))
    where = places(stack(1)[0])
    kept = replace(log, watched=dict(log.watched), end=None)
    remember(
        Asked(
            what,
            kept,
            target,
            sources,
            result,
            error,
            where,
            at,
            log.record,
            names,
            functions,
            user_frames(frame) if slices else [],
            frames_around(),
            components(leaves(sources)),
        )
    )


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
    if _thread.tracing or hooks.busy():  # jacobian asks for gradients itself
        return plain(target, sources, *args, **kwargs)
    tape.calls += 1
    frame = user_frame()
    names = {n: v for n, v in visible(frame).items() if worth_recording(v)}
    call = TracedCall(tape, what, target, sources, None, None, places(stack(2)[0]), names, running())
    call.fitted = fitting() if call.running is None else None
    call.frames = frames_around()
    call.own = components(leaves(sources))
    try:
        call.contents = checksums(call.own_sources)
    except Exception as error:  # private functions may fail in any way; the program goes on, and the report says so
        call.unread = f"weights that stay the same are not noticed ({sentence(error)})"
    _thread.tracing = True
    try:
        call.result = plain(target, sources, *args, **kwargs)
    except Exception as error:
        call.error = error
        mark(error)
        raise
    finally:
        _thread.tracing = False
        found = remember(call)
        if call.running is not None and call.error is None and _again() is None:
            found.compiled = compiled_steps.follow(*call.running, tape.graph, found, touch)
    return call.result


def mark(error: BaseException) -> None:
    """Remember on an exception that a report tells of it."""
    try:
        setattr(error, SEEN, True)
    except AttributeError:
        return  # an exception class with slots: it may be reported twice


def touch(found: Remembered) -> None:
    """The graph in which this call was made has run once more."""
    found.order, found.report = next(_orders), None
    collector = collecting()
    if collector is not None:
        collector.last = found
    remembered_again(found)


def remember(call: Asked | TracedCall) -> Remembered:
    """A call has ended."""
    found = Remembered(call)
    if isinstance(call, Asked) and call.record is not None:
        call.record.lighten_history()
    again = _again()
    if call.error is None and call.what in GRADIENTS and again is None:
        own = [call.own.get(id(s), s) for s in leaves(call.sources)]
        found.step = _thread.lines.take(found, own, call.result)
    _thread.call = found
    with _lock:
        _latest.pop(_thread.serial, None)
        _latest[_thread.serial] = found
        while len(_latest) > THREADS:
            _latest.pop(next(iter(_latest)))
    collector = collecting()
    if again is not None:
        again.append(found)
    elif collector is not None:
        collector.add(found)
    return found


def last_call() -> Remembered | None:
    """The last call of this thread; for the main thread the last of any thread."""
    if threading.current_thread() is not threading.main_thread():
        return _thread.call
    with _lock:
        found = max(_latest.values(), key=lambda found: found.order, default=None)
        return found if found is not None and found.order > _lost[0] else None


def asked_for() -> list[Any]:
    """Every source of every call that is remembered: what one call leaves out, another may ask for."""
    with _lock:
        held = [c.calls for c in (_thread.collector, _thread.told, *_collectors) if c is not None]
        found = [*_latest.values(), *(f for calls in held for f in calls.values())]
    return [s for f in found for s in (*leaves(f.call.sources), *f.call.own.values())]


@contextmanager
def telling(opened: Collector) -> Iterator[None]:
    """Reports on what this collector has are being made."""
    before, _thread.told = _thread.told, opened
    try:
        yield
    finally:
        _thread.told = before


def other_threads(found: Remembered) -> list[str]:
    """The names of threads, other than that of this call, that have asked since the main thread did last."""
    with _lock:
        mine = max([f.order for f in _latest.values() if f.is_main], default=0)
        names = [f.thread for f in _latest.values() if f.order > mine and not f.is_main and f.replica is None]
    return sorted(set(names) - {found.thread})


def lost() -> None:
    """A call of this thread ended without a result to explain: the report on an earlier one is not its report."""
    _thread.call = None
    with _lock:
        _latest.pop(_thread.serial, None)
        if threading.current_thread() is threading.main_thread():
            _lost[0] = next(_orders)


def last_of(log: TapeLog | TracedTape) -> Remembered | None:
    """The last call of this tape, if it is still the last of its thread."""
    with _lock:
        for found in _latest.values():
            call = found.call
            same = call.log.token == log.token if isinstance(call, Asked) and isinstance(log, TapeLog) else False
            if same or (isinstance(call, TracedCall) and call.tape is log):
                return found
    return None


@contextmanager
def running_again() -> Iterator[None]:
    """What this thread asks meanwhile, and replicas that it starts, is no step of the learner's, but one that runs once
    more for a report."""
    before, lines, mine = _thread.again, _thread.lines, list[Remembered]()
    _thread.again = mine
    with _lock:
        _running_again.append(mine)
    try:
        yield
    finally:
        with _lock:
            _running_again[:] = [other for other in _running_again if other is not mine]
        _thread.again, _thread.lines = before, lines


def _again() -> list[Remembered] | None:
    """Where a call goes that is asked while a step runs once more; None if none does. Replicas run in threads of their own."""
    if _thread.again is not None or replica() is None:
        return _thread.again
    with _lock:
        return _running_again[-1] if _running_again else None


def asked_again(like: Remembered) -> Remembered | None:
    """Of what was asked while the step ran once more, the last call of the same line in the same replica; of another line
    or replica if there is none."""
    found = list(_thread.again or ())
    if _thread.again is not None:
        _thread.again.clear()
    here = [f for f in found if f.call.where[:1] == like.call.where[:1]]
    mine = [f for f in here if f.replica == like.replica]
    return next(reversed(mine or here or found), None)


def remembered_again(found: Remembered) -> None:
    """Make a finished call this thread's last one again."""
    _thread.call = found
    with _lock:
        _latest[_thread.serial] = found


def rest(record: Record) -> None:
    """A report is asked of this record: unless a tape is recording right now, it need not go on."""
    if record.owner == "tape" and not record.active:
        close(record)


def forget(since: int = 0) -> None:
    """Drop what earlier tapes of this thread left, and all calls from order number `since` on."""
    _thread.last = None
    _thread.call = None
    _thread.lines = Lines()
    with _lock:
        for serial, found in list(_latest.items()):
            if serial == _thread.serial or found.order >= since:
                _latest.pop(serial, None)


# --- collectors -------------------------------------------------------------------------------------------------------


def collecting() -> Collector | None:
    """The collector of this thread, or the oldest of another one for a thread that has none."""
    if hooks.busy():
        return None
    if _thread.collector is not None:
        return _thread.collector
    return _collectors[0] if _collectors else None


def collect(summary: Callable[[Remembered], Any]) -> Collector:
    """Collect the calls of this thread and of threads without a collector of their own. `summary` makes the report on a
    call whose record is about to be dropped, because too many other lines have asked since.

    RuntimeError if this thread has one already.
    """
    if _thread.collector is not None or hooks.busy():
        raise RuntimeError(
            "gradlab was asked to record tapes in a thread whose tapes it is recording or explaining already: "
            "call it after that has finished"
        )
    made = _thread.collector = Collector(summary)
    with _lock:
        _collectors.append(made)
    return made


def end(made: Collector) -> None:
    """End what `collect` began."""
    record = current()
    if record is not None:
        close(record)
    _thread.collector = None
    with _lock:
        _collectors.remove(made)
