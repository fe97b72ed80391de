"""The path exists, and this tape did not record it, or not all of it: opened late, closed early, paused, not told."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.rerun_op import can_run, local_vjp
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import CUT, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.rules.detached_op import NO_GRADIENT
from gradlab.doctor.rules.other_tensor import AFTER_TAPE, BEFORE_TAPE
from gradlab.doctor.source_code.tape_names import tape_block

TAPE_ORDER = Cause(
    "tape-order",
    what="it was watched too late, or while the tape did not record",
    fix="watch the tensor before its first use, and do not stop the recording around it",
)


@dataclass
class TapeRecord:
    """What of the way from the source to the loss a tape recorded."""

    outside: list[Op]  # ops on the way, between the cut and the loss, that it did not record
    connected: bool  # the ops by themselves would pass a gradient to the source
    entered: int
    exited: int
    reset: int


def tape_record(case: Case) -> TapeRecord | None:
    """What the tape of a recorded call missed; None if that is not why the gradient is missing."""
    call, run, flow = case.call, case.recorded, case.flow
    if call is None or case.asked.dtype not in FLOATS or not flow.reached:
        return None
    tape, never = call.tape, sys.maxsize
    reset = tape.reset + case.shift if tape.reset is not None else -1
    outside = [
        op for op in flow.path if (tape.token not in op.tapes or op.index < reset) and op.type != "ReadVariableOp"
    ]
    alive = case.alive
    cut = None if alive else (case.cuts[0] if case.cuts else None)
    # By structure a graph tells what passes, whoever watches what; a record of a tape does not.
    unknown = cut is not None and cut.key == case.seed and not case.asked.is_variable and not run.structural
    if cut is not None and unknown and _passes(case, cut):
        # The recording did not know this tensor as a source, but the op that took it in is differentiable.
        alive, cut = True, None
    if cut is not None:
        maker = run.trace.producer.get(cut.key) if cut.key is not None else None
        unrecorded = maker is not None and tape.token not in maker.tapes and maker in outside
        first = maker.index if maker is not None and unrecorded else cut.op.index
        outside = [op for op in outside if op.index >= first]
        if not outside:
            return None
    entered = (tape.entered or 0) + case.shift
    exited = tape.exited + case.shift if tape.exited is not None else never
    return TapeRecord(outside, alive, entered, exited, reset)


def _passes(case: Case, cut: Cut) -> bool:
    """Would the op have passed a gradient to this input if the tape had known it?"""
    run = case.recorded
    if cut.key is not None and can_run(run, cut.op):
        return local_vjp(run, cut.op, cut.key) is not None
    found = find(case.but(given_cut=cut), CUT)
    return found is not None and found.cause is NO_GRADIENT and cut.op.type not in op_types.FLAT


def nearest_to_the_tape(call: Call, where: list[Place]) -> list[Place]:
    """With the line in the function that asked the tape first: there it can be watched, or moved."""
    asker = [(p.file, p.function) for p in call.where[:1]]
    return sorted(where, key=lambda p: (p.file, p.function) not in asker)


def _missed(case: Case, op: Op, missed: TapeRecord, words: str) -> Finding:
    count, way = len(missed.outside), len(case.flow.path)
    evidence = f"{count} of {way} ops on the way {words}; this is one of them" if count > 1 else f"it {words}"
    assert case.call is not None
    return Finding(nearest_to_the_tape(case.call, places(op.stack)), evidence, (Proof.TAPE,), op.type, op)


@rule(Kind.NONE, rank=10, cause=AFTER_TAPE)
def ran_after_the_tape(case: Case) -> Finding | None:
    """Ops on the way ran when the tape's with-block had ended."""
    missed = case.once(tape_record)
    late = [op for op in missed.outside if op.index >= missed.exited] if missed is not None else []
    if missed is None or not late:
        return None
    found = _missed(case, _joins_what_was_recorded(case, late), missed, "ran after the tape had stopped recording")
    name, line = tape_block(case.call) if case.call is not None else ("", 0)
    if line:
        found.fix = f"move this computation inside the with-block of `{name}` (line {line})"
    return found


def _joins_what_was_recorded(case: Case, late: list[Op]) -> Op:
    """The first late op that takes in something which the tape recorded; the first of all if there is none."""
    assert case.call is not None
    token = case.call.tape.token
    for op in late:
        makers = [case.recorded.trace.producer.get(k) for k in case.flow.carriers[op.index]]
        if any(m is not None and m.type != "ReadVariableOp" and token in m.tapes for m in makers):
            return op
    return late[0]


@rule(Kind.NONE, rank=12, cause=TAPE_ORDER)
def ran_while_stopped(case: Case) -> Finding | None:
    """Ops on the way ran inside the with-block, while the recording was stopped or before it was reset. The last one is
    told: what it made is what the recorded rest of the loss used."""
    missed = case.once(tape_record)
    if missed is None:
        return None
    start = max(missed.entered, missed.reset)
    stopped = [op for op in missed.outside if start <= op.index < missed.exited]
    if stopped:
        return _missed(case, stopped[-1], missed, "ran while the tape's recording was stopped")
    if missed.reset >= 0 and any(op.index >= missed.entered for op in missed.outside):
        return _missed(case, missed.outside[-1], missed, "ran before tape.reset() made the tape forget it")
    return None


@rule(Kind.NONE, rank=14, cause=BEFORE_TAPE)
def ran_before_the_tape(case: Case) -> Finding | None:
    """Ops on the way ran before the tape's with-block began."""
    missed = case.once(tape_record)
    if missed is None or not missed.outside:
        return None
    return _missed(case, _handed_over(case, missed.outside), missed, "ran before this tape began to record")


def _handed_over(case: Case, early: list[Op]) -> Op:
    """The last early op whose result a recorded op took in; the last of all if there is none.

    An update of other weights between the two tapes (a GAN's) is on a way too, through the variable that it writes. No
    gradient goes back through a variable's old contents, so moving that line would mend nothing.
    """
    assert case.call is not None
    token = case.call.tape.token
    taken = {k for op in case.flow.path if token in op.tapes for k in case.flow.carriers[op.index]}
    handed = [op for op in early if not op_types.is_write(op.type) and taken.intersection(op.outs)]
    return handed[-1] if handed else early[-1]


@rule(Kind.NONE, rank=18, cause=TAPE_ORDER)
def watched_too_late(case: Case) -> Finding | None:
    """The tape was told to watch the source after the source's first use: it does not look back."""
    missed, first = case.once(tape_record), case.first_use
    if missed is None or case.call is None or first is None:
        return None
    watched = case.call.tape.watched.get(case.seed)
    if watched is None or watched[0] + case.shift <= first.index:
        return None
    used = places(first.stack)
    evidence = f"the tape was told to watch it after `{used[0].code}` had used it"
    return Finding([*watched[1], *used], evidence, (Proof.TAPE,), first.type, first)
