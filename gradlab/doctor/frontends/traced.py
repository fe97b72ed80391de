"""A gradlab.Tape inside a tf.function: explained from the graph that TensorFlow traces, for there are no values yet.

What a graph can tell is whether a gradient is there, not what it is: zero and NaN are left to a run in eager mode. Where
a gradient ends is found by structure (`analysis/graph_cuts.py`); the learner's graph stays as it is. Where the private
functions for that fail their self-test, a copy of the graph is asked by public API (`tf.import_graph_def`,
`tf.gradients`), which cannot look into loops and functions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis import graph_functions
from gradlab.doctor.analysis.graph_cuts import CARRIES, GraphRun, graph_run, graph_trace
from gradlab.doctor.analysis.graph_reachability import Reachability
from gradlab.doctor.recording.frames import Place, code_of, is_user_file, places, stack
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import live_variables
from gradlab.doctor.recording.sources import FLOATS, Eager, Source, unwrap
from gradlab.doctor.recording.tape_calls import Call, TapeLog, leaves
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.report import Report
from gradlab.doctor.rules import Case, Kind, diagnose, variable_list
from gradlab.doctor.source_code.scope import Scene

TOKEN = 1
THERE = "a gradient is there; its value is not known"
NOTE = (
    "this tape was opened while TensorFlow traced a graph, so no values were there: a gradient of zero or NaN is not "
    "seen, unless it is zero by construction; run eagerly (compile(run_eagerly=True), or without tf.function) to have "
    "those explained as well"
)
PUBLIC_NOTE = (
    "the structure of loops and functions in the graph could not be read with this TensorFlow ({}); a cut inside of one "
    "is told at the line of the loop or call"
)


@dataclass
class TracedTape:
    """When one tape recorded, counted in the operations of the graph that was being traced."""

    persistent: bool
    watches_variables: bool
    graph: Any = None
    entered: int | None = None
    exited: int | None = None
    paused: list[tuple[int, int]] = field(default_factory=list)
    reset: int | None = None
    watched: list[tuple[Any, int, list[Place]]] = field(default_factory=list)
    calls: int = 0

    def now(self) -> int:
        return len(self.graph.get_operations()) if self.graph is not None else 0

    def enter(self) -> None:
        self.graph = tf.compat.v1.get_default_graph()
        if self.entered is None:
            self.entered = self.now()
        self.exited = None

    def exit(self) -> None:
        self.exited = self.now()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        first = self.now()
        try:
            yield
        finally:
            self.paused.append((first, self.now()))

    def watch(self, tensors: Any) -> None:
        self.graph = self.graph or tf.compat.v1.get_default_graph()
        spots = places(stack(2)[0])
        self.watched += [(t, self.now(), spots) for t in tf.nest.flatten(tensors, expand_composites=True)]

    def records(self, number: int) -> bool:
        """Did the tape record the operation with this number?"""
        first = max(self.entered or 0, self.reset if self.reset is not None else 0)
        last = self.exited if self.exited is not None else sys.maxsize
        return first <= number < last and not any(a <= number < b for a, b in self.paused)


def running() -> tuple[Any, Any, Any] | None:
    """The outermost tf.function of the learner's that is being called, with what it was given; None if there is none
    (Keras' own, for one)."""
    kind = type(tf.function(lambda: None))
    found, frame = None, sys._getframe()
    while frame is not None:
        function = frame.f_locals.get("self") if frame.f_code.co_name == "__call__" else None
        if isinstance(function, kind):
            code = code_of(function)
            theirs = code is not None and is_user_file(code.co_filename)
            found = (function, frame.f_locals.get("args", ()), frame.f_locals.get("kwds", {})) if theirs else None
        frame = frame.f_back  # type: ignore[assignment]
    return found


@dataclass
class Fitted:
    """A `train_step` of the user's that Keras' `fit` is tracing, with what `fit` was given."""

    model: Any
    x: Any
    y: Any
    sample_weight: Any
    size: int  # samples in a batch
    like: list[Any]  # the tensors of the traced graph that stand for a batch

    def run(self) -> None:
        """Run the step in eager mode on the first batch. The model's attributes are put back; its variables are not."""
        parts = [part for part in (self.x, self.y, self.sample_weight) if part is not None]
        flat = [a[: self.size] for a in tf.nest.flatten(parts)]
        if len(flat) != len(self.like):
            raise ValueError(f"fit was given {len(flat)} arrays, and the step takes {len(self.like)} tensors")
        flat = [_as(a, t) for a, t in zip(flat, self.like, strict=True)]
        data = tuple(tf.nest.pack_sequence_as(parts, flat))
        before = dict(vars(self.model))
        try:
            self.model.train_step(data)
        finally:
            vars(self.model).clear()
            vars(self.model).update(before)


def _as(array: Any, like: Any) -> Any:
    """An array as a tensor of the type and rank that the graph has for it."""
    value = tf.cast(tf.convert_to_tensor(array), like.dtype)
    return value[..., None] if like.shape.rank == value.shape.rank + 1 else value


def fitting() -> Fitted | None:
    """The step that `fit` is tracing, None if there is none, or if `fit` was not given arrays: to take a batch from a
    dataset or a generator may change it."""
    frame: Any = sys._getframe()
    step = None
    while frame is not None:
        code, local = frame.f_code, frame.f_locals
        if code.co_name == "train_step" and is_user_file(code.co_filename) and code.co_argcount == 2:
            step = step or frame
        if step is not None and code.co_name == "fit" and "keras" in frame.f_globals.get("__name__", ""):
            own, data = (step.f_locals.get(name) for name in step.f_code.co_varnames[:2])
            given = [local.get(name) for name in ("x", "y", "sample_weight")]
            like = [t for t in tf.nest.flatten(data) if t is not None]
            arrays = all(
                isinstance(a, (np.ndarray, Eager)) for a in tf.nest.flatten([g for g in given if g is not None])
            )
            if own is not local.get("self") or local.get("class_weight") is not None or not arrays or not like:
                return None
            if not all(isinstance(t, tf.Tensor) for t in like):
                return None
            x, y, sample_weight = given
            return Fitted(own, x, y, sample_weight, local.get("batch_size") or 32, like)  # 32 is Keras' own
        frame = frame.f_back
    return None


@dataclass
class TracedCall:
    """A gradient call on such a tape."""

    tape: TracedTape
    what: str
    target: Any
    sources: Any
    result: Any
    error: BaseException | None
    where: list[Place]
    names: dict[str, Any]
    running: tuple[Any, Any, Any] | None = None  # the learner's tf.function around the call, its args and kwargs
    fitted: Fitted | None = None  # the train_step around the call, if Keras' fit traced it
    frames: list[Any] = field(default_factory=list)  # the learner's frames around the call, see Call
    at: int = 0  # operations that the graph had before the call added its own
    own: dict[int, Any] = field(default_factory=dict)  # id of a source -> its variable in this replica
    contents: dict[int, int] = field(default_factory=dict)  # of a step of fit: checksums of the sources, before it ran
    unread: str = ""  # why there are none

    def __post_init__(self) -> None:
        self.at = self.at or self.tape.now()

    def report(self) -> Report:
        """What the graph tells."""
        at = f" ({self.where[0]})" if self.where else ""
        wrong = graph_functions.fault()
        notes = [NOTE, *([PUBLIC_NOTE.format(wrong)] if wrong else []), *([self.unread] if self.unread else [])]
        return Report(_rows(self), notes, "the traced graph", title=f"tape.{self.what}{at}, inside a tf.function")


def _rows(call: TracedCall) -> list[Row]:
    graph = call.tape.graph
    operations = list(graph.get_operations())[: call.at] if graph is not None else []
    inner = {id(outer): id(held) for outer, held in getattr(graph, "captures", ())}

    def key(thing: Any) -> int:
        handle = getattr(thing, "handle", None)
        thing = thing if handle is None else handle
        return inner.get(id(thing), id(thing))

    def tapes(number: int) -> frozenset[int]:
        return frozenset({TOKEN}) if call.tape.records(number) else frozenset()

    targets = [t for t in map(unwrap, leaves(call.target)) if getattr(t, "graph", None) is graph]
    named = list(_named(call))
    sources = [Source(name, thing, unwrap(call.own.get(id(thing), thing))) for name, thing in named]
    reach = Reachability((call.where[0].file, call.where[0].line) if call.where else None)
    structural = not graph_functions.fault()
    seen = graph_trace(reach, operations, tapes, split=structural)
    trace = seen.trace
    for s in sources:
        trace.tensors.setdefault(key(s.value), getattr(s.value, "handle", s.value))
    if structural:
        run = graph_run(reach, seen, targets, key=key)
    else:
        run = _asked_by_public_api(trace, targets, key, graph, [key(s.value) for s in sources] or list(inner.values()))

    def index(number: int | None) -> int | None:
        """The op of the trace with which an operation of the graph begins."""
        return number if number is None else (*seen.starts, len(trace.ops))[min(number, len(seen.starts))]

    log = TapeLog(TOKEN, call.tape.persistent, call.tape.watches_variables)
    log.entered, log.exited, log.reset = map(index, (call.tape.entered, call.tape.exited, call.tape.reset))
    log.calls = call.tape.calls
    log.watched = {key(t): (index(number) or 0, spots) for t, number, spots in call.tape.watched}
    asked = Call(
        call.what, log, call.target, call.sources, call.result, call.error, call.where, 0, trace, None, call.names
    )
    scene = Scene(None, [(p.file, p.line) for p in call.where], call.names, call.frames)
    scene.arguments = [t for t in tf.nest.flatten(call.running[1:]) if isinstance(t, Eager)] if call.running else []
    base = Case("sources", Kind.RAISES, scene, call=asked, run=run, error=call.error, raised_at=call.where)
    if call.error is not None:
        return [diagnose(base.but(name=s.name, source=s)) for s in sources] or [diagnose(base)]
    if not sources:
        return [diagnose(c) for c in variable_list.of_call(asked, run, scene, _watched(run, graph))]
    results = leaves(call.result)
    results = results if len(results) == len(sources) else [call.result] * len(sources)
    return [_row(_case(base, asked, s, _status(run, s, slope))) for s, slope in zip(sources, results, strict=True)]


def _status(run: GraphRun, source: Source, slope: Any) -> Kind:
    """None as the tape gave it; zero where no gradient, or none but zeros, has a way through the graph."""
    if slope is None:
        return Kind.NONE
    if not run.structural or source.dtype not in FLOATS:
        return Kind.OK
    return Kind.OK if run.seed(source) in run.reach.live(run.targets, CARRIES) else Kind.ZERO


def _case(base: Case, asked: Call, source: Source, status: Kind) -> Case:
    by_itself = source.is_variable and source.trainable and asked.tape.watches_variables
    watched = by_itself or base.recorded.seed(source) in asked.tape.watched
    return base.but(name=source.name, source=source, given=source.given, status=status, watched=watched)


def _row(case: Case) -> Row:
    row = diagnose(case)
    if row.status is Kind.OK:
        row.status_text = THERE
    return row


def _named(call: TracedCall) -> Iterator[tuple[str, Any]]:
    taken: set[str] = set()
    keys = list(call.sources) if isinstance(call.sources, dict) else []
    for n, thing in enumerate(leaves(call.sources)):
        known = next((name for name, v in call.names.items() if v is thing), "")
        own = str(getattr(thing, "path", "") or getattr(thing, "name", "")).removesuffix(":0")
        name = (str(keys[n]) if n < len(keys) else "") or known or own or f"source {n}"
        count = 2
        while name in taken:
            name, count = f"{name.partition('#')[0]}#{count}", count + 1
        taken.add(name)
        yield name, thing


def _asked_by_public_api(trace: Trace, targets: list[Any], key: Any, graph: Any, asked: list[int]) -> GraphRun:
    """The run of a graph whose gradients are asked of a copy of it; `run.error` if an op refuses."""
    run = GraphRun(trace, targets, key)
    run.structural = False
    names = {k: t.name for k, t in trace.tensors.items() if t.dtype in FLOATS or k in asked}
    if not targets or graph is None:
        return run
    with tf.Graph().as_default() as copy:
        tf.import_graph_def(graph.as_graph_def(), name="")
        ends = [copy.get_tensor_by_name(t.name) for t in targets if t.dtype in FLOATS]
        starts = {k: copy.get_tensor_by_name(name) for k, name in names.items()}
        try:
            found = tf.gradients(ends, list(starts.values())) if ends else [None] * len(starts)
        except Exception as error:  # an op on the way may refuse in any way; the caller explains it
            run.error = error
            return run
    run.asked = set(starts)
    there = tf.constant(1.0)
    run.gradients = {k: there for k, g in zip(starts, found, strict=True) if g is not None}
    return run


def _watched(run: Run, graph: Any) -> list[tuple[Any, Any]]:
    """The variables that the graph has a gradient for."""
    captured = {id(outer): run.gradients.get(run.key(outer)) for outer, _ in getattr(graph, "captures", ())}
    return [(v, captured[id(v.handle)]) for v in live_variables() if captured.get(id(v.handle)) is not None]
