"""The path exists, and this tape did not record it, or not all of it: opened late, closed early, paused, not told."""

from __future__ import annotations

import sys

from gradlab.doctor.analysis.cuts import Cut, cuts
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.rerun_op import can_run, local_vjp
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS, Source
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import drawn
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import detached_op
from gradlab.doctor.rules.control_flow import first_use
from gradlab.doctor.rules.not_watched import not_trainable, not_watched
from gradlab.doctor.source_code.scope import Scene


def tape_state(call: Call, run: Run, flow: Flow, source: Source, scene: Scene, shift: int) -> Row | None:
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
    own = cut is not None and cut.key == run.seed(source) and not source.is_variable and not run.structural
    if own and cut is not None and _passes(run, flow, cut):
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
            else not_trainable(run, flow, source, scene, Row(source.name, "none"))
        )
    watched = call.tape.watched.get(run.seed(source))
    if watched is not None and first is not None and watched[0] + shift > first.index:
        row = Row(source.name, "none", "tape-order", [*watched[1], *places(first.stack)], first.type)
        row.evidence = f"the tape was told to watch it after `{places(first.stack)[0].code}` had used it"
        row.confidence = 0.95
        return finish(row)
    if watched is None and alive:
        return _nearest_to_the_tape(call, not_watched(run, flow, source, scene, Row(source.name, "none")))
    return None


def _nearest_to_the_tape(call: Call, row: Row) -> Row:
    """With the line in the function that asked the tape first: there it can be watched, or moved."""
    asker = [(p.file, p.function) for p in call.where[:1]]
    if row.cause != "variable-rebound":
        row.where.sort(key=lambda p: (p.file, p.function) not in asker)
    return row


def _passes(run: Run, flow: Flow, cut: Cut) -> bool:
    """Would the op have passed a gradient to this input if the tape had known it?"""
    if cut.key is not None and can_run(run, cut.op):
        return local_vjp(run, cut.op, cut.key) is not None
    return detached_op.of_cut(run, flow, cut) == "no-gradient-op" and cut.op.type not in detached_op.FLAT


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
    return _nearest_to_the_tape(call, finish(drawn(run, flow, row, op)))


def _meeting(call: Call, run: Run, flow: Flow, late: list[Op]) -> Op:
    """The first late op that takes in something which the tape recorded; the first of all if there is none."""
    token = call.tape.token
    for op in late:
        makers = [run.trace.producer.get(k) for k in flow.carriers[op.index]]
        if any(m is not None and m.type != "ReadVariableOp" and token in m.tapes for m in makers):
            return op
    return late[0]
