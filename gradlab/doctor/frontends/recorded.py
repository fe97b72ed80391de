"""Explains a gradient call that a session recorded, from the recording alone: the user's code does not run again."""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis.dataflow import flow
from gradlab.doctor.frontends import shortened, traced
from gradlab.doctor.frontends.compiled_step import eager_report, open_rows
from gradlab.doctor.frontends.first_bad_step import step_report
from gradlab.doctor.frontends.unchanged import tell, unchanged
from gradlab.doctor.recording import session
from gradlab.doctor.recording.backends import recorder, why_not
from gradlab.doctor.recording.contents import not_finite
from gradlab.doctor.recording.frames import code_of, traceback_places
from gradlab.doctor.recording.hooks import alone
from gradlab.doctor.recording.recorded_run import Run, kind_of
from gradlab.doctor.recording.sources import Eager, Source, unwrap
from gradlab.doctor.recording.tape_calls import Asked, Call, leaves
from gradlab.doctor.recording.trace import Trace, joined
from gradlab.doctor.recording.traced_tape import TracedCall
from gradlab.doctor.report.report import Diagnosis, Report
from gradlab.doctor.report.status import norm_of, status_of
from gradlab.doctor.rules import Case, Kind, diagnose, unlisted, variable_list
from gradlab.doctor.rules.raised import failed_later
from gradlab.doctor.rules.size import LARGE, SMALL
from gradlab.doctor.source_code.scope import UserScope
from gradlab.doctor.source_code.syntax import free_values, loop_names
from gradlab.doctor.source_code.tape_names import source_name, tape_name

OTHERS = "this is the last call of several threads; others that have asked"


def explain_last(contradicted: Collection[str] = ()) -> Report | None:
    """The report on this thread's last recorded call (in the main thread: on any thread's), None if there is none.
    `contradicted`: names of sources whose gradient somebody has measured to be wrong."""
    found = session.last_call()
    if found is None:
        return None
    report = report_on(found, contradicted=contradicted)
    report = _older_than_an_exception(found, report)
    others = session.other_threads(found) if not found.is_main else []
    if others:
        note = f"{OTHERS}: {', '.join(others)}; tape.report() is about one tape"
        report.notes += [note] if note not in report.notes else []
    return report


def _older_than_an_exception(found: session.Remembered, report: Report) -> Report:
    """The report; if an exception came since the call, out of other code, its title says when the call was.

    Without that a report of an earlier cell is read as one on the exception of this cell.
    """
    error = getattr(sys, "last_value", None)
    if error is None or id(error) == found.raised_before or error is found.call.error:
        return report
    files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
    if not found.call.where or any(place.file in files for place in found.call.where):
        return report  # the exception came out of the code that asked
    note = (
        f"this report is not about the last exception ({type(error).__name__}): no recorded tape was asked in that code. Use "
        "gradlab.Tape or %%explain there"
    )
    clock = time.strftime("%H:%M:%S", time.localtime(found.at))
    return replace(report, title=f"{report.title}, an earlier call, at {clock}", notes=[*report.notes, note])


def report_on(
    found: session.Remembered, again: bool = True, contradicted: Collection[str] = (), over: bool = False
) -> Report:
    """The report on one finished call, made once. `again`: a tf.function whose graph shows nothing may run once more.
    `over`: the program has ended. `contradicted` as for `explain_last`."""
    if found.report is None:
        call = found.call
        if isinstance(call, TracedCall):
            report = static = traced.report(call)
            if open_rows(static):  # a graph tells whether a gradient is there, not what it is
                moved, same = unchanged(call, static)
                spoilt = call.fitted and (not_finite(call.own_sources) or call.fitted.loss_not_finite)
                repeat = again or bool(call.fitted and (same or spoilt))
                repeat = repeat or bool(over and call.running and same)
                explain = partial(_of_record, contradicted=(), only=None)
                report = eager_report(found, call, static, repeat, explain, over)
                if report is static:
                    tell(call, report, moved, same)
        elif call.record is None:
            report = _without_record(call)
        else:
            report = step_report(found, lambda one, only: _of_record(one, contradicted, only))
        if found.origin:
            report.title += f", in {found.origin}"
        found.report = report
    return found.report


def _of_record(found: session.Remembered, contradicted: Collection[str], only: Collection[int] | None) -> Report:
    call = found.call
    assert isinstance(call, Asked) and call.record is not None
    session.rest(call.record)
    with _few_collections():
        return explain_recorded(call.call(), contradicted, only, found.step.number if found.step is not None else 1)


_collecting = threading.Lock()
_reports: list[tuple[int, int, int]] = []  # for each report in work: what the thresholds were before the first
# Collections of the middle generation before a full one. More than a report sets off: it makes some ten thousand objects.
RARE = 1_000_000


@contextmanager
def _few_collections() -> Iterator[None]:
    """No full garbage collection meanwhile: each looks at every object of TensorFlow, and those that a report sets off
    took a third of its time. The setting is the whole process's, so the young generations are collected as ever:
    what other threads drop meanwhile goes. Thresholds that another thread sets meanwhile stay as it sets them."""
    with _collecting:
        before = _reports[0] if _reports else gc.get_threshold()
        if not _reports:
            gc.set_threshold(*before[:2], RARE)
        _reports.append(before)
    try:
        yield
    finally:
        with _collecting:
            _reports.pop()
            if not _reports and gc.get_threshold() == (*before[:2], RARE):
                gc.set_threshold(*before)


def summary(found: session.Remembered) -> Report | None:
    """The report on a call whose record is about to be dropped: each source's status, without a cause. None for a
    healthy call with a gradient so large or small that the record is needed to judge it."""
    call = found.call
    assert isinstance(call, Asked)
    with alone():
        if found.healthy:
            norms = [norm_of(g) for g in leaves(call.result)]
            if any(n is not None and not SMALL < n < LARGE for n in norms):
                return None
            if len(norms) != len(leaves(call.sources)):
                norms = [None] * len(leaves(call.sources))
            named = zip(_named(call), norms, strict=True)
            report = Report([Diagnosis(name, Kind.OK, norm=norm) for (name, _), norm in named], [], recorder().name)
        else:
            report = _without_record(call)
            report.notes.append(
                f"why is not told here: of the lines with something to explain only the last {session.TROUBLED} are kept "
                f"in full, and this one came before; run this part of the program alone"
            )
    at = f" ({call.where[0]})" if call.where else ""
    report.title = f"{tape_name(call.what, call.where)}.{call.what}{at}"
    return report


def _without_record(call: Asked) -> Report:
    """Each source's status, where nothing was recorded."""
    names = [name for name, _ in _named(call)]
    gradients = leaves(call.result) if call.error is None else []
    rows = [Diagnosis(name, status_of(g)) for name, g in zip(names, gradients, strict=False)]
    if call.error is not None:
        rows = [
            Diagnosis(name, Kind.RAISES, message=f"{type(call.error).__name__}: {call.error}")
            for name in names or ["tape"]
        ]
    return Report(rows, [why_not()] if why_not() else [], "plain tape", title=f"tape.{call.what}")


def explain_recorded(
    call: Call, contradicted: Collection[str] = (), only: Collection[int] | None = None, step: int = 1
) -> Report:
    """The report on one recorded call, or the rows of the sources with these numbers; `contradicted` as for
    `explain_last`; `step`: the number of the call in its training."""
    with alone():
        started = time.monotonic()
        notes: list[str] = []
        rows = _rows(call, contradicted, only, step, notes)
        report = Report(rows, notes, recorder().name, 0.0, len(call.trace.ops))
        if call.trace.truncated:
            report.notes.append(
                f"only the first {len(call.trace.ops)} ops were recorded; explain a shorter piece of code to "
                f"see the rest"
            )
        at = f" ({call.where[0]})" if call.where else ""
        report.title = (
            f"{tape_name(call.what, call.where)}.{call.what}{at}" if call.what != "with" else f"a tape's with-block{at}"
        )
        report.seconds = time.monotonic() - started
    return report


def _rows(
    call: Call, contradicted: Collection[str], only: Collection[int] | None, step: int, notes: list[str]
) -> list[Diagnosis]:
    """One case, and its row, for each thing that the call was asked for; `notes` gets what is said beside the rows."""
    healthy = call.error is None and all(kind_of(g) == "ok" for g in leaves(call.result))
    history = None if healthy else call.history
    trace = call.trace if history is None or history is call.trace else joined(history, call.trace)
    shift = len(trace.ops) - len(call.trace.ops)
    scope = _user_scope(call, trace)
    base = Case("", Kind.RAISES, scope, call=call, shift=shift, step=step, error=call.error, raised_at=call.where)
    if call.error is not None and call.what not in ("gradient", "jacobian", "batch_jacobian"):
        where = traceback_places(call.error) if call.what == "with" else []
        return [diagnose(base.but(name="source" if call.what == "watch" else "tape", raised_at=where or call.where))]
    targets = [unwrap(t) for t in leaves(call.target) if isinstance(unwrap(t), (tf.Variable, Eager))]
    if not targets:
        return [diagnose(base.but(name="target", run=Run(trace, [], recorder().key)))]
    run = Run(trace, targets, recorder().key)
    named = list(_named(call))
    values = {n: unwrap(call.own.get(id(g), g)) for n, g in named}
    sources = {n: Source(n, g, values[n]) for n, g in named if isinstance(values[n], (tf.Variable, Eager))}
    run.differentiate(list(sources.values()))
    recent = run.part((call.tape.entered or 0) + shift)
    if not named and call.error is None:
        return [diagnose(c) for c in variable_list.of_call(call, recent, scope, variable_list.watched_by(recent))]
    results = leaves(call.result) if call.error is None else [None] * len(named)
    if len(results) != len(named):
        results = [call.result] * len(named)
    made = []
    for n, ((name, given), gradient) in enumerate(zip(named, results, strict=True)):
        if only is not None and n not in only:
            continue
        case = base.but(name=name, given=given, source=sources.get(name), run=run)
        if call.error is None:
            case = _answered(case, recent, gradient)
            if case.status is Kind.OK and name in contradicted:
                case = case.but(status=Kind.WRONG)
        made.append(diagnose(case))
    if call.error is None and only is None:
        there = [s for s in sources.values() if any(r.name == s.name and r.status is Kind.OK for r in made)]
        notes += shortened.notes(recent, there)
    if call.error is None:
        slopes = partial(recent.trace.tape.gradient, recent.targets)
        lacking = unlisted.cases(call, recent, scope, list(sources.values()), recent.variables, slopes)
        made += [diagnose(c) for c in lacking]
    return made


def _answered(case: Case, recent: Run, gradient: Any) -> Case:
    """The case of a source for which the call gave a gradient, or None."""
    call, source = case.call, case.source
    if call is None or source is None:
        return case.but(status=Kind.NONE)
    status = status_of(gradient)
    # What this tape could see comes first; earlier ops (another tape's, an optimizer's) matter only if the source is
    # not on the way there.
    if status is not Kind.NONE or flow(recent, source).reached:
        case = case.but(run=recent)
    if isinstance(gradient, tf.IndexedSlices) and failed_later(call) is not None:
        return case.but(status=Kind.RAISES, gradient=gradient)
    key, tape = recent.seed(source), call.tape
    by_itself = source.is_variable and source.trainable and tape.watches_variables
    return case.but(status=status, gradient=gradient, norm=norm_of(gradient), watched=key in tape.watched or by_itself)


def _user_scope(call: Call, trace: Trace) -> UserScope:
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
    return UserScope(None, spots, values, call.frames)


def _named(call: Call | Asked) -> list[tuple[str, Any]]:
    """Sources with names: dict keys, the caller's names for the objects, variables' own names, or numbers."""
    taken: set[str] = set()
    out: list[tuple[str, Any]] = []

    def walk(thing: Any, prefix: str, steps: list[str]) -> None:
        if isinstance(thing, dict):
            for k, v in thing.items():
                walk(v, f"{prefix}/{k}" if prefix else str(k), [*steps, f"[{k!r}]"])
        elif isinstance(thing, (list, tuple)):
            for i, v in enumerate(thing):
                walk(v, _called(call, v) or (f"{prefix}[{i}]" if prefix else ""), [*steps, f"[{i}]"])
        else:
            name = prefix or _called(call, thing) or str(getattr(thing, "path", "") or "")
            if not name and not isinstance(thing, Eager):
                name = str(getattr(thing, "name", "")).removesuffix(":0")
            base = source_name(call.what, call.where, steps, name) or name or f"source {len(out)}"
            name, n = base, 2
            while name in taken:
                name, n = f"{base}#{n}", n + 1
            taken.add(name)
            out.append((name, thing))

    walk(call.sources, "", [])
    return out


def _called(call: Call | Asked, thing: Any) -> str:
    """The caller's name for a thing. One that a loop has left behind is none, for a thing with a name of its own."""
    own = bool(getattr(thing, "path", "")) or hasattr(thing, "handle")
    passing = loop_names(call.where[0].file) if own and call.where else frozenset()
    return next((n for n, v in call.names.items() if v is thing and n not in passing), "")
