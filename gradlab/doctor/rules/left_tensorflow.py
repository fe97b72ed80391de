"""The value left TensorFlow for Python or NumPy and came back as a number, which has no gradient."""

from __future__ import annotations

from dataclasses import dataclass

from gradlab.doctor import op_types
from gradlab.doctor.analysis import exits
from gradlab.doctor.analysis.exits import Exit
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.trace import Conversion, Op
from gradlab.doctor.rules import NO_PATH, Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.detached_op import PIPELINE, PY_FUNCTION, STATE_ASSIGN
from gradlab.doctor.source_code.value_flow import BRANCH, LOSS, NOWHERE, Reach

NUMPY = Cause(
    "numpy-conversion",
    what="the value leaves TensorFlow",
    fix="stay in TensorFlow: use tf functions on the tensor and call the model instead of predict",
    parts=True,
)


@dataclass
class Exits:
    """How a source's value left TensorFlow in the recorded run, and what a second run with the source moved shows."""

    control: list[Conversion]  # conversions that only decide what runs
    values: list[Conversion]  # the others
    came_back: list[Op]  # ops that the loss needs, whose number from Python moved with the source
    diverged: bool  # the second run did other ops
    change: float  # of the loss
    rerun: bool  # there was a second run
    moved: str  # what it showed, as a sentence
    dead: list[Op]

    @property
    def only_steered(self) -> bool:
        """Nothing but conditions took the value out."""
        return bool(self.control and not self.values and not any(exits.exit_in_text(op, None) for op in self.dead))


def way_out(case: Case) -> Exits:
    """Where the source's value left TensorFlow."""
    run, flow = case.recorded, case.flow
    out = [c for c in run.trace.conversions if c.key in flow.tainted]
    control = [
        c
        for c in out
        if exits.control_of(c) or (c.kind in exits.CONTROL and c.kind != "__iter__") or exits.only_counts(c)
    ]
    dead = exits.dead_ends(run, flow)
    again = case.check.rerun(case.asked) if case.check is not None and (out or dead) else None
    values = [c for c in out if c not in control]
    if again is None:
        return Exits(control, values, [], False, 0.0, False, "", dead)
    entries, diverged = exits.changed_inputs(run.trace, again.trace, set(run.reads) | {case.seed})
    moved = (
        f"moving it by {again.step:g} changes the loss by {again.change:.3g}"
        if again.change
        else "no change of the loss was seen"
    )
    entries = [op for op in entries if op.index in flow.needed]
    return Exits(control, values, entries, diverged, again.change, True, moved, dead)


def left_by(how: str) -> Cause:
    """The cause for a way out of TensorFlow."""
    return PY_FUNCTION if how == "py_function" else NUMPY


@rule(NO_PATH, rank=10, cause=NUMPY)
def came_back_as_a_number(case: Case) -> Finding | None:
    """With the source moved, an op that the loss needs takes in another number from Python: the value went that way."""
    out = case.once(way_out)
    if not out.came_back or out.only_steered:
        return None
    run, flow, op = case.recorded, case.flow, out.came_back[0]
    evidence, proofs = f"{out.moved}, but only as a plain number", (Proof.VALUES, Proof.RERUN)
    place, how = exits.exit_place(run, flow, op)
    left = [place] if place else []
    back = places(op.stack)
    where = left + [p for p in back if p != place]
    if op_types.is_write(op.type):
        return Finding(back + left, evidence, proofs, op.type, op, STATE_ASSIGN)
    if op_types.is_dataset(op.type):
        return Finding(where, evidence, proofs, op.type, op, PIPELINE)
    ops = run.trace.ops
    read = next((o for o in ops if "IteratorGetNext" in o.type and o.index in flow.needed), None)
    if read is not None and op.index <= read.index:
        return Finding(where, evidence, proofs, read.type, op, PIPELINE)
    return Finding(where, evidence, proofs, how, op, left_by(how))


@rule(NO_PATH, rank=30, cause=NUMPY)
def text_leads_back(case: Case) -> Finding | None:
    """Three things hold: a line handed the value to Python or NumPy, an op that the loss needs took in a number that
    Python made later, and the text leads from the one to the other."""
    out = case.once(way_out)
    if out.rerun and out.control:
        return None
    return left(case, out.moved)


def left(case: Case, moved: str = "") -> Finding | None:
    """The exit whose value came back into the loss, nearest the loss first; None if there is none."""
    run, flow, source = case.recorded, case.flow, case.asked
    bare = any(k != case.seed and run.from_host(k) for k in run.target_keys)
    back = exits.host_inputs(run, flow, source)
    needed = (op for op in run.trace.ops if op.index in flow.needed)
    reach = Reach(back, needed, case.scope.spots if bare else (), bare)
    unsure: Exit | None = None
    for out in exits.exits(run, flow, source, case.scope):
        hit = reach.follow(out.spots, out.after)
        if hit is None and out.heard:
            unsure = unsure or out
        elif hit is not None and hit != NOWHERE:
            return _left_at(out, hit, moved)
    return _left_at(unsure, "", moved) if unsure is not None and (back or bare) else None


def _left_at(out: Exit, hit: Op | str, moved: str) -> Finding:
    spots = out.spots[:1]
    back = hit if isinstance(hit, Op) else None
    again = places(back.stack) if back is not None else []
    if isinstance(hit, Op):
        end = f" and came back as a plain number in line {again[0].line}"
    else:
        end = {LOSS: " and came back as the loss", BRANCH: " and only decides what runs"}.get(hit, "")
    evidence = f"its value left TensorFlow here{end}" + (f"; {moved}" if moved else "")
    heard = Proof.HEARD if out.heard else Proof.TEXT
    proofs = (heard, Proof.FLOW) if hit else (heard,)
    if back is not None and op_types.is_write(back.type):
        return Finding(_joined(again, spots), evidence, proofs, back.type, cause=STATE_ASSIGN)
    if back is not None and op_types.is_dataset(back.type):
        return Finding(_joined(spots, again), evidence, proofs, back.type, cause=PIPELINE)
    return Finding(_joined(spots, again), evidence, proofs, out.how, cause=left_by(out.how))


def _joined(first: list[Place], second: list[Place]) -> list[Place]:
    return first + [p for p in second if p not in first]


@rule(NO_PATH, rank=70, cause=NUMPY)
def left_without_a_change(case: Case) -> Finding | None:
    """A line kept what it had converted, though the loss did not move at the steps that were tried."""
    out = case.once(way_out)
    values = [
        c
        for c in case.recorded.trace.conversions
        if c.key in case.flow.tainted and c.kind not in exits.CONTROL and not exits.is_logged(c.stack)
    ]
    if not out.rerun or not values or not exits.is_kept(values[-1]):
        return None
    place, how = exits.exit_place(case.recorded, case.flow, None)
    evidence = "its value left TensorFlow here; no change of the loss was seen at the steps tried"
    return Finding([place] if place else [], evidence, (Proof.HEARD,), how, cause=left_by(how))


@rule(Kind.WRONG, rank=50, cause=NUMPY)
def one_way_leaves(case: Case) -> Finding | None:
    """With the source moved, a number that comes from Python moves too: this part of the slope is not recorded."""
    if case.check is None:
        return None
    again = case.check.rerun(case.asked)
    if again is None:
        return None
    run = case.recorded
    entries, _ = exits.changed_inputs(run.trace, again.trace, {case.seed} | set(run.reads))
    entries = [op for op in entries if op.index in case.flow.needed]
    if not entries:
        return None
    place, how = exits.exit_place(run, case.flow, entries[0])
    proofs = (Proof.VALUES, Proof.RERUN)
    return Finding([place] if place else [], slope_sentence(case), proofs, how, cause=left_by(how))


@rule(Kind.WRONG, rank=55, cause=NUMPY)
def text_leads_one_way_out(case: Case) -> Finding | None:
    """The code cannot run again, and the text leads from a line that hands the value to Python or NumPy back to an op
    that the loss needs: this part of the slope is not recorded."""
    found = left(case) if case.check is None else None
    if found is not None:
        found.evidence = f"{slope_sentence(case)}; {found.evidence}"
    return found


def slope_sentence(case: Case) -> str:
    """What the finite difference says against the gradient."""
    slope = case.slope
    if slope is None:
        return "a finite difference of the loss contradicts the gradient"
    return (
        f"along one direction the tape gives {slope.tape:.4g}, a finite difference {slope.measured:.4g} "
        f"(step {slope.step:g})"
    )
