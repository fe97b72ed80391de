"""A gradlab.Tape inside a tf.function: explained from the graph that TensorFlow traces, for there are no values yet.

What a graph can tell is whether a gradient is there, not what it is: zero and NaN are left to a run in eager mode. Where
a gradient ends is found by structure (`analysis/graph_cuts.py`); the learner's graph stays as it is. Where the private
functions for that fail their self-test, a copy of the graph is asked by public API (`tf.import_graph_def`,
`tf.gradients`), which cannot look into loops and functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis import graph_functions
from gradlab.doctor.analysis.graph_cuts import CARRIES, GraphRun, graph_run, graph_trace
from gradlab.doctor.analysis.graph_reachability import Reachability
from gradlab.doctor.frontends import shortened
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import live_variables
from gradlab.doctor.recording.sources import FLOATS, Eager, Source, unwrap
from gradlab.doctor.recording.tape_calls import Call, TapeLog, leaves
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.recording.traced_tape import TracedCall
from gradlab.doctor.report.diagnosis import Diagnosis
from gradlab.doctor.report.report import Report
from gradlab.doctor.rules import Case, Kind, diagnose, unlisted, variable_list
from gradlab.doctor.source_code.scope import UserScope
from gradlab.doctor.source_code.syntax import loop_names
from gradlab.doctor.source_code.tape_names import tape_name

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


def report(call: TracedCall) -> Report:
    """What the graph tells of a call."""
    at = f" ({call.where[0]})" if call.where else ""
    wrong = graph_functions.fault()
    notes = [NOTE, *([PUBLIC_NOTE.format(wrong)] if wrong else []), *([call.unread] if call.unread else [])]
    return Report(
        _rows(call, notes),
        notes,
        "the traced graph",
        title=f"{tape_name(call.what, call.where)}.{call.what}{at}, inside a tf.function",
    )


def _rows(call: TracedCall, notes: list[str]) -> list[Diagnosis]:
    graph = call.tape.graph
    operations = list(graph.get_operations())[: call.at] if graph is not None else []
    inner = {id(outer): id(held) for outer, held in call.captures}

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
    scope = UserScope(None, [(p.file, p.line) for p in call.where], call.names, call.frames)
    scope.arguments = [t for t in tf.nest.flatten(call.running[1:]) if isinstance(t, Eager)] if call.running else []
    base = Case("sources", Kind.RAISES, scope, call=asked, run=run, error=call.error, raised_at=call.where)
    if call.error is not None:
        return [diagnose(base.but(name=s.name, source=s)) for s in sources] or [diagnose(base)]
    if not sources:
        return [diagnose(c) for c in variable_list.of_call(asked, run, scope, _watched(run, call.captures))]
    results = leaves(call.result)
    results = results if len(results) == len(sources) else [call.result] * len(sources)
    rows = [_row(_case(base, asked, s, _status(run, s, slope))) for s, slope in zip(sources, results, strict=True)]
    there = [s for s, row in zip(sources, rows, strict=True) if row.status is Kind.OK]
    notes += shortened.notes(run, there)
    lacking = unlisted.cases(
        asked,
        run,
        scope,
        sources,
        lambda: [v for v, _ in _watched(run, call.captures)],
        lambda some: [run.gradients.get(run.key(v)) for v in some],
    )
    return rows + [diagnose(c) for c in lacking]


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


def _row(case: Case) -> Diagnosis:
    row = diagnose(case)
    if row.status is Kind.OK:
        row.status_text, row.unseen = THERE, True
    return row


def _named(call: TracedCall) -> Iterator[tuple[str, Any]]:
    taken: set[str] = set()
    keys = list(call.sources) if isinstance(call.sources, dict) else []
    passing = loop_names(call.where[0].file) if call.where else frozenset()
    # The code that AutoGraph makes of a function has the names too; those of the frame around the call are the learner's.
    names = [*call.names.items(), *(call.frames[0][2].items() if call.frames else ())]
    for n, thing in enumerate(leaves(call.sources)):
        variable = hasattr(thing, "handle") or bool(getattr(thing, "path", ""))
        known = next((name for name, v in names if v is thing and not (variable and name in passing)), "")
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


def _watched(run: Run, captures: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The variables that the graph has a gradient for."""
    captured = {id(outer): run.gradients.get(run.key(outer)) for outer, _ in captures}
    return [(v, captured[id(v.handle)]) for v in live_variables() if captured.get(id(v.handle)) is not None]
