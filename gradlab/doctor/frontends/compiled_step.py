"""A step of a compiled training, run once more in eager mode for the values that its graph does not tell.

Which step: the first bad one, if what was seen from outside (`recording/compiled_steps.py`) shows one, from the variables
as they were before it; else the last one, from the variables as they are now. Everything is put back afterwards. What
else the function does (printing, writing files, changing Python objects) happens once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.recording import compiled_steps, session, tf_internals
from gradlab.doctor.recording.backends import generator_note, recorder
from gradlab.doctor.recording.compiled_steps import CompiledSteps, State, Suspect, Taken, finite, restore, state_of
from gradlab.doctor.recording.contents import not_finite
from gradlab.doctor.recording.fitted import Fitted
from gradlab.doctor.recording.snapshot import Snapshot, refused_note
from gradlab.doctor.recording.sources import Eager
from gradlab.doctor.recording.tape_calls import Asked, leaves
from gradlab.doctor.recording.traced_tape import TracedCall
from gradlab.doctor.report.report import Diagnosis, Report
from gradlab.doctor.rules import Kind
from gradlab.doctor.rules.in_a_graph import FILLED
from gradlab.doctor.source_code.loops import counters
from gradlab.runtime.exceptions import sentence

NOTE = (
    "the tape was opened in {opened}, whose graph has no values; {again} ran once more in eager mode to see them (variables "
    "and generators are as before)"
)
OF_FUNCTION = {"opened": "a tf.function", "again": "the function"}
OF_FIT = {
    "opened": "a step of fit",
    "again": "the step, on the first batch of what fit was given and with the weights of now,",
}
SPOILT = (
    "{what}; from the values before fit, {n} step{s} ran once more in eager mode on the batches "
    "in the order in which fit was given them, and in the last one a gradient is not finite ({order}variables and generators "
    "are as before)"
)
WEIGHT, LOSS = "a weight is NaN or infinite after fit", "fit has logged a loss that is NaN or infinite"
NOT_DATED = "{what}, and none of its first {n} steps, run once more in eager mode, shows it: `gradlab watch SCRIPT` names the step"
SHUFFLED = "fit may have shuffled them; "
# Steps that are repeated to find the first NaN of a fit. Each costs an eager step, ten times a compiled one or more.
REPEATED_STEPS = 16
OLDER = (
    "step {n} ran once more in eager mode, but from the variables as they were before step {m}: the steps between draw "
    "random numbers or have side effects, and were not repeated"
)
FIRST = (
    "step {n} ran once more in eager mode, from the variables as they were before it; variables and generators are as "
    "before"
)
PRINTS = "the step was not run once more in eager mode: it prints or writes files, and would do so once more"
RAISED = "the step was run once more in eager mode for values, but raised before its tape had answered: {}"
DATA = "the function was not run once more in eager mode: it takes its batches from an iterator itself, and would take more"
Explain = Callable[[session.Remembered], Report]


@dataclass
class Found:
    """A step that may be the first bad one."""

    number: int
    state: State
    taken: Taken
    older: int = 0  # the variables are those before this step, not before `number`


def eager_report(
    found: session.Remembered, call: TracedCall, static: Report, again: bool, explain: Explain, over: bool = False
) -> Report:
    """The report on one more run of the traced function, now with values; `static`, what its graph tells, if the run
    shows nothing or may not be. `again`: it may run although nothing bad was seen. `over`: the program has ended."""
    refused: list[str] = []
    report = _report(found, call, static, again, explain, over, refused)
    report.notes += refused_note(refused)
    return report


def _report(
    found: session.Remembered,
    call: TracedCall,
    static: Report,
    again: bool,
    explain: Explain,
    over: bool,
    refused: list[str],
) -> Report:
    steps: CompiledSteps | None = found.compiled
    suspect = steps.suspect if steps is not None else None
    if call.error is not None or not (again or suspect):
        return static
    stateful = _stateful(call.tape.graph)
    if over and any(map(op_types.is_shown, stateful)):
        static.notes.append(PRINTS)
        return static
    if call.running is None:
        return _of_fit(found, call, static, explain, over, refused)
    if any(map(op_types.takes_data, stateful)):
        static.notes.append(DATA)
        return static
    function, args, kwargs = call.running
    if steps is not None and steps.calls:
        args, kwargs = steps.calls[-1].args, steps.calls[-1].kwargs
    report = None
    why = f"its earlier calls were not followed: {steps.stopped}" if steps is not None and steps.stopped else ""
    with _kept(steps, refused):
        if suspect is not None and steps is not None:
            repeatable = all(map(op_types.is_repeatable, stateful))
            try:
                tried, why = _steps_to_try(function, steps, suspect, repeatable)
            except Exception as error:  # the user's function may fail in any way; the report says so
                tried, why = [], f"its steps could not be repeated ({sentence(error)})"
            for one in tried:
                restore(one.state)
                run = partial(function.python_function, *one.taken.args, **one.taken.kwargs)
                report = _run(found, call, static, run, explain, over)
                news = _news(report, static) if report is not None else []
                news = news if suspect.exact else [row for row in news if row.status is Kind.NOT_FINITE]
                if report is not None and news:
                    for row in news:
                        row.step, row.steps, row.loop = one.number, steps.count, counters(suspect.frames)
                    report.notes.append((OLDER if one.older else FIRST).format(n=one.number, m=one.older))
                    return report
    with _kept(steps, refused):
        run = partial(function.python_function, *args, **kwargs)
        report = _run(found, call, static, run, explain, over) if again else None
    if report is not None:
        report.notes.append(NOTE.format(**OF_FUNCTION))
    report = report or static
    report.notes += [why] if why else []
    return report


def _of_fit(
    found: session.Remembered, call: TracedCall, static: Report, explain: Explain, over: bool, refused: list[str]
) -> Report:
    """The report on a step of fit that runs once more; the first one in which a gradient is not finite, if a weight is
    not."""
    fitted = call.fitted
    if fitted is None or not (over or fitted.in_order):
        return static
    report = None
    try:
        steps = fitted.steps
        with _kept(None, refused):
            what = WEIGHT if not_finite(call.own_sources) else LOSS if fitted.loss_not_finite else ""
            if fitted.state and what:
                number, data = _first_spoilt(fitted)
                report = _run(found, call, static, partial(fitted.run, data), explain, over) if number else None
                if report is not None and (news := _news(report, static)):
                    for row in news if steps is not None and not fitted.shuffled else ():
                        row.step, row.steps = number, steps
                    order = SHUFFLED if fitted.shuffled else ""
                    report.notes.append(SPOILT.format(what=what, n=number, s="s" * (number > 1), order=order))
                    return report
        with _kept(None, refused):
            report = _run(found, call, static, partial(fitted.run, next(fitted.batches())), explain, over)
    except Exception as error:  # the step, or the data, may fail in any way; the report says so
        static.notes.append(f"the step was not run once more in eager mode ({sentence(error)})")
        return static
    if report is None:
        return static
    report.notes.append(NOTE.format(**OF_FIT))
    if what == LOSS and not report.problems:
        report.notes.append(NOT_DATED.format(what=what, n=REPEATED_STEPS))
    return report


def _first_spoilt(fitted: Fitted) -> tuple[int, Any]:
    """Number and batch of the first step, from the variables before `fit`, after which one of them is not finite, or
    which raises; the variables are then as they were before that step. 0 if no step of the first ones is."""
    restore(fitted.state)
    handles = [handle for handle, value in fitted.state if finite(value)]
    for number, data in enumerate(islice(fitted.batches(), REPEATED_STEPS), 1):
        before = [(h, tf_internals.read(h)) for h, _ in fitted.state]
        try:
            fitted.run(data)
            spoilt = not all(finite(tf_internals.read(h)) for h in handles)
        except Exception:  # an update by a NaN may raise; the run that follows shows what the tape was asked before it
            spoilt = True
        if spoilt:
            restore(before)
            return number, data
    return 0, None


@contextmanager
def _kept(steps: CompiledSteps | None, refused: list[str]) -> Iterator[None]:
    """Variables and generators are afterwards as before, and no call is counted as a step meanwhile. `refused` gets the
    names of variables that could not be put back."""
    snapshot = Snapshot(recorder().key)
    if steps is not None:
        steps.busy = True
    try:
        with session.running_again(), tf_internals.generator_kept():
            yield
    finally:
        if steps is not None:
            steps.busy = False
        refused += snapshot.restore(snapshot.changed())


def _steps_to_try(function: Any, steps: CompiledSteps, suspect: Suspect, repeatable: bool) -> tuple[list[Found], str]:
    """The steps that may be the first bad one, the likeliest first, and why there are none."""
    last = suspect.first + len(suspect.calls) - 1
    seen = (
        f"what the function returns is zero, NaN or infinite since step {last}"
        if suspect.exact
        else f"a variable is NaN or infinite since a step from {suspect.first} to {last}"
    )
    earlier = [Found(1, *steps.start)] if steps.start is not None and last == 2 and suspect.exact else []
    restore(suspect.state)
    before = {tf_internals.key(h) for h, v in suspect.state if not finite(v)}
    for number, taken in enumerate(suspect.calls, suspect.first):
        state = state_of(steps.graph, steps.given)
        if number == last and suspect.exact:
            return [*earlier, Found(number, state, taken)], ""
        if not repeatable:
            # A variable went bad: the first of the calls starts from the copy itself. A result did: the last call is bad.
            tried = [Found(last, suspect.state, suspect.calls[-1], suspect.first)]
            return (
                [*earlier, *(tried if suspect.exact else [Found(number, state, taken)])],
                f"{seen}; its steps draw random numbers or have side effects, and were not repeated",
            )
        result = function(*taken.args, **taken.kwargs)
        if any(tf_internals.key(h) not in before and not finite(v) for h, v in state_of(steps.graph, steps.given)):
            return [Found(number, state, taken)], ""
        if taken.known and not _same(result, taken.result):
            return (
                earlier,
                f"{seen}; a repeated step gives another result, so its variables are changed outside of it as well",
            )
    return earlier, f"{seen}; repeated, no step shows it"


def _same(a: Any, b: Any) -> bool:
    pairs = zip(tf.nest.flatten(a, expand_composites=True), tf.nest.flatten(b, expand_composites=True), strict=False)
    return all(
        np.array_equal(np.asarray(x), np.asarray(y), equal_nan=x.dtype.is_floating)
        for x, y in pairs
        if isinstance(x, Eager) and isinstance(y, Eager) and (x.dtype.is_floating or x.dtype.is_integer)
    )


def _run(
    found: session.Remembered,
    call: TracedCall,
    static: Report,
    run: Callable[[], Any],
    explain: Explain,
    over: bool = False,
) -> Report | None:
    """The report on one eager run, with what the graph has told of gradients that are not there; None if it raises before
    it asks a tape, or asks none. `over`: the program has ended, and what the run prints is not shown, since it is none of the program's
    own output."""
    # The front end for plain tapes imports this one.
    from gradlab.doctor.frontends.call import recorded_tapes

    eager = None
    failed: Exception | None = None
    session.asked_again(found)  # what earlier runs asked is not wanted
    try:
        with redirect_stdout(StringIO()) if over else nullcontext():
            try:
                if session.collecting() is not None:
                    run()
                else:
                    with recorded_tapes():
                        run()
            except (
                Exception
            ) as error:  # something that works only in a graph; what was asked before it is told all the same
                failed = error
        eager = session.asked_again(found)
    finally:
        session.remembered_again(found)
    asked = (
        eager.call if eager is not None and isinstance(eager.call, Asked) and eager.call.record is not None else None
    )
    # A kernel that refuses the values of a gradient does so compiled too; other errors may be of the eager run alone.
    refused = asked is not None and isinstance(asked.error, tf.errors.InvalidArgumentError)
    unfinished = (
        failed is not None
        and asked is not None
        and ((not refused and asked.error is not None) or call.what != asked.what)
    )
    if eager is None or asked is None or unfinished:
        if failed is not None and (why := RAISED.format(sentence(failed))) not in static.notes:
            static.notes.append(why)
        return None
    report = explain(eager)
    report.notes += generator_note()
    if failed is not None and not refused:
        report.notes.append(f"after the gradient call that run raised {sentence(failed)}")
    for row, given in zip(report.rows, leaves(call.result), strict=False):
        if row.status is Kind.NONE and given is not None:
            _filled(row)
    return _with_told(report, static, len(leaves(call.sources)))


def open_rows(report: Report) -> list[Diagnosis]:
    """The rows of a graph's report whose gradient is there, with a value that is not known."""
    return [row for row in report.rows if row.status is Kind.OK]


def _with_told(report: Report, static: Report, sources: int) -> Report | None:
    """The report with the rows that the graph could tell as the graph told them. None if rows do not match rows."""
    told = {i: row for i, row in enumerate(static.rows) if row.status is not Kind.OK}
    if not told:
        return report
    if len(report.rows) < sources or len(static.rows) < sources:
        return None
    report.rows[:sources] = [told.get(i, row) for i, row in enumerate(report.rows[:sources])]
    names = {row.name for row in report.rows}
    report.rows += [row for i, row in told.items() if i >= sources and row.name not in names]
    return report


def _news(report: Report, static: Report) -> list[Diagnosis]:
    """The problems of a run that the graph does not tell."""
    return [r for r in report.problems if r.status is not Kind.MISSING and not any(r is s for s in static.rows)]


def _filled(row: Diagnosis) -> None:
    row.status, row.norm = Kind.ZERO, 0.0
    row.evidence = f"{row.evidence}; {FILLED}"


def _stateful(graph: Any) -> set[str]:
    """The types of all ops of a graph, and of the functions in it, that have a state or a side effect."""
    if graph is None:
        return set()
    definition = compiled_steps.outermost(graph).as_graph_def()
    types = {n.op for n in definition.node} | {n.op for f in definition.library.function for n in f.node_def}
    return {t for t in types if getattr(tf_internals.op_def(t), "is_stateful", False)}
