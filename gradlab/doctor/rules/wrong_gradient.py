"""The gradient is there and a finite difference contradicts it: a way that is cut while others go on, or a wrong slope."""

from __future__ import annotations

from gradlab.doctor import op_types
from gradlab.doctor.analysis import custom_gradient
from gradlab.doctor.analysis.custom_gradient import CustomGradientMismatch
from gradlab.doctor.analysis.cuts import Cut, bypassed, straight_through
from gradlab.doctor.analysis.rerun_op import wrong_op
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.sources import HALF
from gradlab.doctor.rules import CUT, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import CUSTOM_GRADIENT
from gradlab.doctor.rules.left_tensorflow import slope_sentence

WRONG_OP = Cause(
    "wrong-op-gradient",
    what="the operation's registered gradient is wrong here",
    fix="rewrite with other ops; the op's registered gradient is wrong here",
)
FEW_SOURCES, FEW_OPS = 6, 300  # up to which every source is moved by itself; beyond, first all together
# A loss that moves by less than this part of what the gradient says is flat: the gradient is a substitute.
FLAT = 0.02


# A custom gradient that is this near is an approximation by another formula (the adjoint equation of a differential
# equation, solved in steps, is off by about the size of a step); a mistake in a formula is off by a factor.
APPROXIMATE = 0.1


def _relative_error(case: Case) -> float | None:
    slope = case.slope
    size = max(abs(slope.tape), abs(slope.measured)) if slope is not None else 0.0
    return abs(slope.tape - slope.measured) / size if slope is not None and size else None


def _approximate(case: Case) -> Finding | None:
    """What to say of a custom gradient that is nearly right; None if it is not."""
    error = _relative_error(case)
    if error is None or error > APPROXIMATE:
        return None
    evidence = f"{slope_sentence(case)}: the custom gradient is approximate, it differs by {error:.1%}"
    return Finding([], evidence, (Proof.RERUN, Proof.VALUES), status=Kind.OK)


def _cause_of(case: Case, cut: Cut) -> Cause | None:
    found = find(case.but(given_cut=cut), CUT)
    return found.cause if found is not None else None


def suspects(case: Case) -> list[Cut]:
    """Cuts on side ways of a source at which a slope can be lost."""
    return [cut for cut in case.cuts if _loses_a_slope(case, cut)]


def _loses_a_slope(case: Case, cut: Cut) -> bool:
    cause = _cause_of(case, cut)
    # Steps and counts are constant almost everywhere, so no finite difference that settles can miss them.
    if cut.op.type in op_types.FLAT or (cause is not None and cause.steps):
        return False
    # A stop_gradient that the user did not write stands in a library formula (moments, for one) that is right as a whole.
    if cut.op.type in op_types.STOPS and cut.op.stack:
        return any("stop_gradient" in p.code for p in place_of(cut.op))
    return not (cause is CUSTOM_GRADIENT and bypassed(case.recorded, case.flow, cut))


def contradicted(cases: list[Case], quick: bool) -> list[Case]:
    """Those of some healthy cases that a finite difference contradicts, as cases of a wrong gradient. Raises Spent at
    the limit on runs. `quick`: a run is cheap enough to move every source by itself."""
    able = [c for c in cases if c.check is not None and c.check.can_move(c.asked)]
    if not able:
        return []
    check = able[0].check
    assert check is not None
    alone = quick and len(able) <= FEW_SOURCES and len(able[0].recorded.trace.ops) <= FEW_OPS
    if not alone:  # alone, a small part that is missing is not lost in the sum over all sources
        seeds = (7, 8) if any(suspects(c) for c in able) else (7,)
        sources, gradients = [c.asked for c in able], [c.gradient for c in able]
        if not any(check.probe.slope(sources, gradients, seed=seed).contradicts for seed in seeds):
            return []
    found = []
    for case in able:
        slope = check.contradiction(case.asked, case.gradient)
        if slope is not None:
            found.append(case.but(status=Kind.WRONG, slope=slope))
    return found


def _on_purpose(case: Case, words: str) -> Finding:
    evidence = f"{slope_sentence(case)}: a substitute gradient on purpose ({words})"
    return Finding([], evidence, (Proof.RERUN, Proof.VALUES), status=Kind.OK)


@rule(Kind.WRONG, rank=10)
def straight_through_estimator(case: Case) -> Finding | None:
    """A stop_gradient stands in `x + stop_gradient(f(x) - x)`, or the loss is flat in every direction that was tried: the
    gradient replaces one that would be zero, on purpose."""
    cuts, slope = case.once(suspects), case.slope
    if not cuts:
        return None
    if any(straight_through(case.recorded, c) for c in cuts):
        return _on_purpose(case, "straight-through")
    flat = slope is not None and abs(slope.measured) <= FLAT * abs(slope.tape)
    # In one direction a loss that does move can be flat by chance, as that of a target network is now and then.
    if flat and case.check is not None and case.check.is_flat(case.asked, case.gradient, FLAT):
        return _on_purpose(case, "the loss itself does not move")
    return None


@rule(Kind.WRONG, rank=20)
def loss_is_random(case: Case) -> Finding | None:
    """The loss changes when nothing is moved, so that a finite difference says nothing."""
    return Finding([], "", status=Kind.OK) if case.check is not None and not case.check.steady() else None


@rule(Kind.WRONG, rank=30)
def one_way_is_cut(case: Case) -> Finding | None:
    """Of several ways to the loss one has an op at which the gradient stops; the rest of the gradient is there."""
    cuts = case.once(suspects)
    if not cuts:
        return None
    found = find(case.but(given_cut=cuts[0]), CUT)
    if found is not None and found.cause is CUSTOM_GRADIENT and (near := _approximate(case)) is not None:
        return near
    if found is not None:
        found.evidence = slope_sentence(case)
        found.proofs = (Proof.GRADIENT, Proof.RERUN)
        if found.cause is not None and found.cause.by_design:
            found.message = "a part of the gradient is left out by design here: tf.stop_gradient says so"
    return found


def _mismatch(case: Case) -> CustomGradientMismatch | None:
    return custom_gradient.contradicted(case.recorded, case.flow)


@rule(Kind.WRONG, rank=40, cause=CUSTOM_GRADIENT)
def custom_gradient_differs(case: Case) -> Finding | None:
    """The function under a custom gradient, run again by itself with its input moved, has another slope."""
    found = case.once(_mismatch)
    if found is None:
        return None
    if found.on_purpose:
        return _on_purpose(case, "custom_gradient")
    near = _approximate(case)
    if near is not None:
        return near
    return Finding(
        place_of(found.op),
        f"{slope_sentence(case)}; {found.detail}",
        (Proof.GRADIENT, Proof.RERUN),
        found.op.type,
        found.op,
        fix="correct the backward function: it must give the slope of what the forward function computes",
    )


@rule(Kind.WRONG, rank=60, cause=WRONG_OP)
def op_gradient_differs(case: Case) -> Finding | None:
    """The op, run again by itself, has another slope than the gradient that TensorFlow has registered for it."""
    wrong = wrong_op(case.recorded, case.flow)
    if wrong is None:
        return None
    op, detail = wrong
    evidence = f"{slope_sentence(case)}; {detail}"
    return Finding(place_of(op), evidence, (Proof.GRADIENT, Proof.RERUN), op.type, op)


@rule(Kind.WRONG, rank=90)
def not_found(case: Case) -> Finding | None:
    """Nothing explains the contradiction, and it is there along other directions and steps as well, with nothing on the
    way that jumps or is coarse."""
    run, check = case.recorded, case.check
    causes = (_cause_of(case, cut) for cut in case.cuts)
    if check is None or any(cause is not None and cause.steps for cause in causes):
        return None
    if any(run.is_float(k) and run.value(k).dtype in HALF for k in case.flow.tainted):
        return None
    if not check.insists(case.asked, case.gradient):
        return None
    return Finding([], f"{slope_sentence(case)}; what it misses was not found", (Proof.RERUN,))
