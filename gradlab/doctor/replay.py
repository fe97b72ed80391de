"""Explains a gradient call that a session recorded, from the recording alone: the learner's code does not run again."""

from __future__ import annotations

import dis
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import cause, functions, rows, session
from gradlab.doctor.binding import free_values
from gradlab.doctor.disconnected import first_use
from gradlab.doctor.explain import alone
from gradlab.doctor.flow import Flow
from gradlab.doctor.frames import Place, code_of, places
from gradlab.doctor.host import CONTROL
from gradlab.doctor.locate import Cut, cuts
from gradlab.doctor.observe import Run, kind_of
from gradlab.doctor.opcheck import can_run, local_vjp
from gradlab.doctor.origin import Scene
from gradlab.doctor.record import Op, Trace, joined
from gradlab.doctor.recorders import recorder
from gradlab.doctor.report import Report, Row
from gradlab.doctor.session import Call, _leaves
from gradlab.doctor.sources import FLOATS, Eager, Source, unwrap
from gradlab.doctor.wording import finish


def explain_last() -> Report | None:
    """The report on this thread's last recorded call, None if there is none."""
    found = session.cached_report()
    call = session.last_call()
    if found is not None or call is None:
        return found
    open_one = session.current()
    if open_one is not None:
        open_one.close()
    report = explain_recorded(call)
    session.cache_report(report)
    return report


def explain_recorded(call: Call) -> Report:
    """The report on one recorded call."""
    with alone():
        started = time.monotonic()
        report = Report(_rows(call), [], recorder().name, 0.0, len(call.trace.ops))
        if call.trace.truncated:
            report.notes.append(
                f"only the first {len(call.trace.ops)} ops were recorded; explain a shorter piece of code to "
                f"see the rest"
            )
        at = f" ({call.where[0]})" if call.where else ""
        report.title = f"tape.{call.what}{at}" if call.what != "with" else f"a tape's with-block{at}"
        report.seconds = time.monotonic() - started
    return report


def _rows(call: Call) -> list[Row]:
    trace = (
        joined(call.history, call.trace) if call.history is not None and call.history is not call.trace else call.trace
    )
    shift = len(trace.ops) - len(call.trace.ops)
    key = recorder().key
    targets = [unwrap(t) for t in _leaves(call.target) if isinstance(unwrap(t), (tf.Variable, Eager))]
    if call.error is not None and call.what not in ("gradient", "jacobian", "batch_jacobian"):
        return [_refused(call, None, "source" if call.what == "watch" else "tape")]
    if not targets:
        return [_number(call, trace)]
    run = Run(trace, targets, key)
    named = list(_named(call))
    sources = [Source(n, g, unwrap(g)) for n, g in named if isinstance(unwrap(g), (tf.Variable, Eager))]
    run.differentiate(sources)
    run.resolve_reads(_handles(run, sources))
    scene = _scene(call, trace)
    results = _leaves(call.result) if call.error is None else [None] * len(named)
    if len(results) != len(named):
        results = [call.result] * len(named)
    made = []
    by_name = {s.name: s for s in sources}
    for (name, given), gradient in zip(named, results, strict=True):
        source = by_name.get(name)
        if call.error is not None:
            made.append(_refused(call, run, name, source))
        elif source is None:
            made.append(_foreign(call, name, given, scene))
        else:
            made.append(_row(call, run, source, gradient, scene, shift))
    return made


def _scene(call: Call, trace: Trace) -> Scene:
    """The places and names around a call, with those of the functions of the learner's that ran."""
    spots = [(p.file, p.line) for p in call.where]
    values = dict(call.names)
    ran = {code for op in trace.ops for code, _ in op.stack}
    for function in call.functions:
        code = code_of(function)
        if code is not None and code in ran:
            spots.append((code.co_filename, code.co_firstlineno))
            for name, value in free_values(function).items():
                values.setdefault(name, value)
    return Scene(None, spots, values)


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


def _handles(run: Run, sources: list[Source]) -> dict[int, Any]:
    handles = {run.key(s.value): s.value for s in sources if s.is_variable and s.dtype in FLOATS}
    from gradlab.doctor.snapshot import live_variables

    touched = {k for op in run.trace.ops for k in op.ins if run.is_resource(k)}
    for v in live_variables():
        if run.key(v) in touched and v.dtype in FLOATS:
            handles.setdefault(run.key(v), v)
    return handles


def _row(call: Call, run: Run, source: Source, gradient: Any, scene: Scene, shift: int) -> Row:
    status = kind_of(gradient)
    # What this tape could see comes first; earlier ops (another tape's, an optimizer's) matter only if the source is
    # not on the way there.
    recent = run.part((call.tape.entered or 0) + shift)
    if status != "none" or recent.between(source).reached:
        run = recent
    if isinstance(gradient, tf.IndexedSlices):
        failed = _failed_later(call)
        if failed is not None:
            return _slices(run, source, failed)
    if status == "none":
        flow = run.between(source)
        state = _tape_state(call, run, flow, source, scene, shift)
        row = state or rows.none_row(run, source, scene, None, True)
        return functions.sharpen(run, row, source, "none")
    if status == "zero":
        return functions.sharpen(run, rows.zero_row(run, source, scene), source, "zero")
    if status in ("nan", "inf"):
        return functions.sharpen(run, rows.not_finite_row(run, source, status), source, status)
    return rows.ok_row(run, source, gradient)


def _tape_state(call: Call, run: Run, flow: Flow, source: Source, scene: Scene, shift: int) -> Row | None:
    """A row if the path exists and this tape did not record or watch it."""
    if source.dtype not in FLOATS or not flow.reached:
        return None
    token = call.tape.token
    found = cuts(run, flow)
    alive = run.gradients.get(run.seed(source)) is not None
    forgotten = call.tape.reset + shift if call.tape.reset is not None else -1
    outside = [
        op for op in flow.path if (token not in op.tapes or op.index < forgotten) and op.type != "ReadVariableOp"
    ]
    cut = None if alive else (found[0] if found else None)
    if cut is not None and cut.key == run.seed(source) and not source.is_variable and _passes(run, flow, cut):
        # The recording did not know this tensor as a source, but the op that took it in is differentiable.
        alive, cut = True, None
    if cut is not None:
        maker = run.trace.producer.get(cut.key) if cut.key is not None else None
        if maker is not None and token not in maker.tapes and maker in outside:
            outside = [op for op in outside if op.index >= maker.index]
        else:
            outside = [op for op in outside if op.index >= cut.op.index]
        if not outside:
            return None
    if outside:
        return _not_recorded(call, run, flow, source, outside, shift)
    first = first_use(run, flow)
    if source.is_variable and not source.trainable and call.tape.watches_variables:
        return (
            None
            if run.seed(source) in call.tape.watched
            else rows._not_trainable(run, flow, source, scene, Row(source.name, "none"))
        )
    watched = call.tape.watched.get(run.seed(source))
    if watched is not None and first is not None and watched[0] + shift > first.index:
        row = Row(source.name, "none", "tape-order", [*watched[1], *places(first.stack)], first.type)
        row.evidence = f"the tape was told to watch it after `{places(first.stack)[0].code}` had used it"
        row.confidence = 0.95
        return finish(row)
    if watched is None and alive:
        return rows._not_watched(run, flow, source, scene, Row(source.name, "none"))
    return None


def _passes(run: Run, flow: Flow, cut: Cut) -> bool:
    """Would the op have passed a gradient to this input if the tape had known it?"""
    if cut.key is not None and can_run(run, cut.op):
        return local_vjp(run, cut.op, cut.key) is not None
    return cause.of_cut(run, flow, cut) == "no-gradient-op" and cut.op.type not in cause.FLAT


def _not_recorded(call: Call, run: Run, flow: Flow, source: Source, outside: list[Op], shift: int) -> Row:
    """Some ops on the path ran while the tape was not recording."""
    entered = (call.tape.entered or 0) + shift
    exited = call.tape.exited + shift if call.tape.exited is not None else sys.maxsize
    late = [op for op in outside if op.index >= exited]
    forgotten = call.tape.reset + shift if call.tape.reset is not None else -1
    stopped = [op for op in outside if max(entered, forgotten) <= op.index < exited]
    if late:
        label, op, words = "after-tape", _meeting(call, run, flow, late), "ran after the tape had stopped recording"
    elif stopped:
        label, op, words = "tape-order", stopped[0], "ran while the tape's recording was stopped"
    elif call.tape.reset is not None and any(op.index >= entered for op in outside):
        label, op, words = "tape-order", outside[-1], "ran before tape.reset() made the tape forget it"
    else:
        label, op, words = "before-tape", outside[-1], "ran before this tape began to record"
    row = Row(source.name, "none", label, places(op.stack), op.type)
    row.evidence = (
        f"{len(outside)} of {len(flow.path)} ops on the way {words}; this is one of them"
        if len(outside) > 1
        else f"it {words}"
    )
    row.confidence = 0.95
    return finish(rows._drawn(run, flow, row, op))


def _meeting(call: Call, run: Run, flow: Flow, late: list[Op]) -> Op:
    """The first late op that takes in something which the tape recorded; the first of all if there is none."""
    token = call.tape.token
    for op in late:
        makers = [run.trace.producer.get(k) for k in flow.carriers[op.index]]
        if any(m is not None and m.type != "ReadVariableOp" and token in m.tapes for m in makers):
            return op
    return late[0]


def _failed_later(call: Call) -> Place | None:
    """The learner's line that raised after the call, if the function that made the call ended with an exception."""
    frame = call.frame
    if frame is None:
        return None
    running = sys._getframe()
    while running is not None:
        if running is frame:
            return None
        running = running.f_back  # type: ignore[assignment]
    # Where a call went on, the offset may lie in the inline cache behind the instruction.
    last = max((i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti), key=_offset, default=None)
    if last is None or last.opname.startswith(("RETURN", "YIELD")):
        return None
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _offset(instruction: dis.Instruction) -> int:
    return instruction.offset


def _slices(run: Run, source: Source, at: Place) -> Row:
    row = Row(source.name, "raises", "indexed-slices", [at])
    flow = run.between(source)
    lookup = next((op for op in reversed(flow.path) if "Gather" in op.type), None)
    if lookup is not None:
        row.where += places(lookup.stack)
        row.op = lookup.type
    row.evidence = (
        "the gradient is an IndexedSlices (only the rows that were looked up), and this line treats it as a tensor"
    )
    row.confidence = 0.8
    return finish(row)


def _refused(call: Call, run: Run | None, name: str, source: Source | None = None) -> Row:
    error = call.error
    if error is None:
        error = TypeError(f"the target {type(call.target).__name__} is no tensor")
    where = call.where
    label, op, kind = "", None, ""
    if run is not None and source is not None:
        label, op, kind = cause.raised_by(run, run.between(source), error)
    row = Row(name, "raises", message=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}")
    if call.what == "with":
        from gradlab.doctor.frames import traceback_places

        where = traceback_places(error) or where
    foreign = source is None and call.what != "with" and "_id" in str(error)
    row.cause = label or ("wrong-source" if foreign else rows.refusal(error))
    row.op = kind
    row.where = places(op.stack) if op is not None else where
    if call.what == "gradient" and call.tape.calls > 1 and not call.tape.persistent:
        row.cause = "tape-misuse"
    row.evidence = (
        f"tape.{call.what} raised it" if call.what != "with" else "it was raised inside the tape's with-block"
    )
    row.confidence = 0.8
    return finish(row)


def _number(call: Call, trace: Trace) -> Row:
    """The target is no tensor: its value has left TensorFlow."""
    row = Row("target", "raises", message=f"{type(call.error).__name__}: {call.error}" if call.error else "")
    exits = [c for c in trace.conversions if c.kind not in CONTROL and c.stack]
    row.cause = (
        "numpy-conversion" if exits or isinstance(call.target, (float, int, np.generic, np.ndarray)) else "api-misuse"
    )
    row.where = [*(places(exits[-1].stack)[:1] if exits and row.cause == "numpy-conversion" else []), *call.where]
    row.evidence = (
        f"the target of tape.{call.what} is a "
        f"{type(call.target).__module__}.{type(call.target).__qualname__}, not a tensor"
    )
    row.confidence = 0.85
    return finish(row)


def _foreign(call: Call, name: str, given: Any, scene: Scene) -> Row:
    row = Row(name, "none", "wrong-source", call.where)
    row.evidence = f"it is a {type(given).__module__}.{type(given).__qualname__}, which TensorFlow did not compute with"
    return finish(row)
