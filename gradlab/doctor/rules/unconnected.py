"""The loss does not depend on the source, and no other rule knows why."""

from __future__ import annotations

import ast

from gradlab.doctor.analysis.finite_differences import SCALES, Spent
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.rules import NO_PATH, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.source_code import syntax

UNCONNECTED = Cause(
    "unconnected",
    what="the loss does not depend on it",
    fix="use it in the loss, or leave it out of the sources",
)

LINEAR = (
    "nothing to do if the function is linear in it: its second derivative is zero, and "
    "unconnected_gradients=tf.UnconnectedGradients.ZERO gives it as zeros"
)


@rule(Kind.NONE, rank=70)
def nothing_reaches_the_loss(case: Case) -> Finding | None:
    """No chain of recorded ops leads from the source to the loss, or none at which a gradient stops."""
    return find(case, NO_PATH)


@rule(NO_PATH, rank=90, cause=UNCONNECTED)
def last_use(case: Case) -> Finding | None:
    """The source was used, no recorded op leads from there to the loss, and its value left TensorFlow nowhere."""
    op = case.last_use
    if op is None:
        return None
    moved, refuted = _moved(case)
    where, proofs = places(op.stack), () if refuted else (Proof.FLOW,)
    if _asks_a_tape(where[0]):
        evidence = f"the gradient that is computed here does not depend on it, so its own derivative is None{moved}"
        return Finding(where, evidence, proofs, op.type, op, fix=LINEAR)
    return Finding(where, f"the loss does not depend on it; this is its last use{moved}", proofs, op.type, op)


def _asks_a_tape(place: Place) -> bool:
    """Does the line ask a tape for a gradient: an inner one, whose result is differentiated again?"""
    statement = syntax.statement_at(place.file, place.line)
    asking = ("gradient", "jacobian", "batch_jacobian")
    return statement is not None and any(
        isinstance(c.func, ast.Attribute) and c.func.attr in asking for c in syntax.calls(statement)
    )


@rule(NO_PATH, rank=95, cause=UNCONNECTED)
def never_read(case: Case) -> Finding | None:
    """No recorded op used the source."""
    place = case.scope.definition(case.asked)
    moved, refuted = _moved(case)
    evidence = f"it was never read while the loss was computed{moved}"
    where = [place] if place else list(case.call.where) if case.call is not None else []
    return Finding(where, evidence, () if refuted or place is None else (Proof.FLOW,))


def _moved(case: Case) -> tuple[str, bool]:
    """What moving the source does to the loss, as a part of a sentence, and whether that speaks against the finding."""
    check = case.check
    if check is None or not check.can_move(case.asked):
        return "", False
    try:
        moved = check.moves_loss(case.asked)
    except Spent as limit:
        return f"; not checked by moving it ({limit})", False
    if moved is None:
        return f"; moving it by up to {SCALES[-1]:g} changed nothing", False
    step, change = moved
    return f"; but moving it by {step:g} changes the loss by {change:.3g}, in a way that was not recorded", True
