"""Explains a gradient call that a session recorded, from the recording alone: the user's code does not run again."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.traced import TracedCall
from gradlab.doctor.recording import session, tf_internals
from gradlab.doctor.recording.backends import recorder, why_not
from gradlab.doctor.recording.frames import code_of, traceback_places
from gradlab.doctor.recording.hooks import alone
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import Eager, Source, unwrap
from gradlab.doctor.recording.tape_calls import Asked, Call, leaves
from gradlab.doctor.recording.trace import Trace, joined
from gradlab.doctor.report.report import Report, Row
from gradlab.doctor.report.status import norm_of, status_of
from gradlab.doctor.rules import Case, Kind, diagnose, variable_list
from gradlab.doctor.rules.in_a_graph import FILLED
from gradlab.doctor.rules.raised import failed_later
from gradlab.doctor.source_code.scope import Scene
from gradlab.doctor.source_code.syntax import free_values

AGAIN = "the step, on the first batch of what fit was given and with the weights of now,"


def explain_last(contradicted: Collection[str] = ()) -> Report | None:
    """The report on this thread's last recorded call (in the main thread: on any thread's), None if there is none.
    `contradicted`: names of sources whose gradient somebody has measured to be wrong."""
    found = session.last_call()
    return report_on(found, contradicted=contradicted) if found is not None else None


def report_on(found: session.Remembered, again: bool = True, contradicted: Collection[str] = ()) -> Report:
    """The report on one finished call, made once. `again`: a tf.function whose graph shows nothing may run once more.
    `contradicted` as for `explain_last`."""
    if found.report is None:
        call = found.call
        if isinstance(call, TracedCall):
            report = call.report()
            if again and not report.problems:
                report = _in_eager_mode(found, call) or report
        elif call.record is None:
            report = _without_record(call)
        else:
            session.rest(call.record)
            report = explain_recorded(call.call(), contradicted)
        if found.origin:
            report.title += f", in {found.origin}"
        found.report = report
    return found.report


def _without_record(call: Asked) -> Report:
    """Each source's status, where nothing could be recorded."""
    names = [str(getattr(s, "name", f"source {n}")).removesuffix(":0") for n, s in enumerate(leaves(call.sources))]
    gradients = leaves(call.result) if call.error is None else []
    rows = [Row(name, status_of(g)) for name, g in zip(names, gradients, strict=False)]
    if call.error is not None:
        rows = [
            Row(name, Kind.RAISES, message=f"{type(call.error).__name__}: {call.error}") for name in names or ["tape"]
        ]
    return Report(rows, [why_not()] if why_not() else [], "plain tape", title=f"tape.{call.what}")


def _in_eager_mode(found: session.Remembered, call: TracedCall) -> Report | None:
    """The report on one more run of the traced function, now with values; None if that shows nothing.

    Variables and generators are put back. What else the function does (printing, writing files, changing Python
    objects) happens once more.
    """
    if (call.running is None and call.fitted is None) or call.error is not None:
        return None
    snapshot = Snapshot(recorder().key)
    why = ""
    try:
        with tf_internals.generator_kept():
            if call.running is not None:
                function, args, kwargs = call.running
                function.python_function(*args, **kwargs)
            elif call.fitted is not None:
                call.fitted.run()
    except Exception as error:  # something that works only in a graph; the trace's own report stands
        why = type(error).__name__
    finally:
        snapshot.restore(snapshot.changed())
    eager = session.last_call()
    session.remembered_again(found)
    if why or eager is None or eager is found or not isinstance(eager.call, Asked) or eager.call.record is None:
        return None
    session.rest(eager.call.record)
    report = explain_recorded(eager.call.call())
    for row, given in zip(report.rows, leaves(call.result), strict=False):
        if row.status is Kind.NONE and given is not None:
            row.status, row.norm = Kind.ZERO, 0.0
            row.evidence = f"{row.evidence}; {FILLED}"
    opened, again = ("a tf.function", "the function") if call.fitted is None else ("a step of fit", AGAIN)
    report.notes.append(
        f"the tape was opened in {opened}; as its graph shows no missing gradient, {again} ran once more in eager mode "
        "to see the values (variables and generators are as before)"
    )
    return report


def explain_recorded(call: Call, contradicted: Collection[str] = ()) -> Report:
    """The report on one recorded call; `contradicted` as for `explain_last`."""
    with alone():
        started = time.monotonic()
        report = Report(_rows(call, contradicted), [], recorder().name, 0.0, len(call.trace.ops))
        if call.trace.truncated:
            report.notes.append(
                f"only the first {len(call.trace.ops)} ops were recorded; explain a shorter piece of code to "
                f"see the rest"
            )
        at = f" ({call.where[0]})" if call.where else ""
        report.title = f"tape.{call.what}{at}" if call.what != "with" else f"a tape's with-block{at}"
        report.seconds = time.monotonic() - started
    return report


def _rows(call: Call, contradicted: Collection[str]) -> list[Row]:
    """One case, and its row, for each thing that the call was asked for."""
    trace = (
        joined(call.history, call.trace) if call.history is not None and call.history is not call.trace else call.trace
    )
    shift = len(trace.ops) - len(call.trace.ops)
    scene = _scene(call, trace)
    base = Case("", Kind.RAISES, scene, call=call, shift=shift, error=call.error, raised_at=call.where)
    if call.error is not None and call.what not in ("gradient", "jacobian", "batch_jacobian"):
        where = traceback_places(call.error) if call.what == "with" else []
        return [diagnose(base.but(name="source" if call.what == "watch" else "tape", raised_at=where or call.where))]
    targets = [unwrap(t) for t in leaves(call.target) if isinstance(unwrap(t), (tf.Variable, Eager))]
    if not targets:
        return [diagnose(base.but(name="target", run=Run(trace, [], recorder().key)))]
    run = Run(trace, targets, recorder().key)
    named = list(_named(call))
    sources = {n: Source(n, g, unwrap(g)) for n, g in named if isinstance(unwrap(g), (tf.Variable, Eager))}
    run.differentiate(list(sources.values()))
    recent = run.part((call.tape.entered or 0) + shift)
    if not named and call.error is None:
        return [diagnose(c) for c in variable_list.of_call(call, recent, scene, variable_list.watched_by(recent))]
    results = leaves(call.result) if call.error is None else [None] * len(named)
    if len(results) != len(named):
        results = [call.result] * len(named)
    made = []
    for (name, given), gradient in zip(named, results, strict=True):
        case = base.but(name=name, given=given, source=sources.get(name), run=run)
        if call.error is None:
            case = _answered(case, recent, gradient)
            if case.status is Kind.OK and name in contradicted:
                case = case.but(status=Kind.WRONG)
        made.append(diagnose(case))
    return made


def _answered(case: Case, recent: Run, gradient: Any) -> Case:
    """The case of a source for which the call gave a gradient, or None."""
    call, source = case.call, case.source
    if call is None or source is None:
        return case.but(status=Kind.NONE)
    status = status_of(gradient)
    # What this tape could see comes first; earlier ops (another tape's, an optimizer's) matter only if the source is
    # not on the way there.
    if status is not Kind.NONE or recent.between(source).reached:
        case = case.but(run=recent)
    if isinstance(gradient, tf.IndexedSlices) and failed_later(call) is not None:
        return case.but(status=Kind.RAISES, gradient=gradient)
    key, tape = recent.seed(source), call.tape
    by_itself = source.is_variable and source.trainable and tape.watches_variables
    return case.but(status=status, gradient=gradient, norm=norm_of(gradient), watched=key in tape.watched or by_itself)


def _scene(call: Call, trace: Trace) -> Scene:
    """The places and names around a call, with those of the functions of the user's that ran."""
    spots = [(p.file, p.line) for p in call.where]
    values = dict(call.names)
    ran = {code for op in trace.ops for code, _ in op.stack}
    for function in call.functions:
        code = code_of(function)
        if code is not None and code in ran:
            spots.append((code.co_filename, code.co_firstlineno))
            for name, value in free_values(function).items():
                values.setdefault(name, value)
    return Scene(None, spots, values, call.frames)


def _named(call: Call) -> list[tuple[str, Any]]:
    """Sources with names: dict keys, the caller's names for the objects, variables' own names, or numbers."""
    taken: set[str] = set()
    out: list[tuple[str, Any]] = []

    def walk(thing: Any, prefix: str) -> None:
        if isinstance(thing, dict):
            for k, v in thing.items():
                walk(v, f"{prefix}/{k}" if prefix else str(k))
        elif isinstance(thing, (list, tuple)):
            for i, v in enumerate(thing):
                walk(v, _called(call, v) or (f"{prefix}[{i}]" if prefix else ""))
        else:
            name = prefix or _called(call, thing) or str(getattr(thing, "path", "") or "")
            if not name and not isinstance(thing, Eager):
                name = str(getattr(thing, "name", "")).removesuffix(":0")
            base = name or f"source {len(out)}"
            name, n = base, 2
            while name in taken:
                name, n = f"{base}#{n}", n + 1
            taken.add(name)
            out.append((name, thing))

    walk(call.sources, "")
    return out


def _called(call: Call, thing: Any) -> str:
    return next((n for n, v in call.names.items() if v is thing), "")
