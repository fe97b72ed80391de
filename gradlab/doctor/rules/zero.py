"""The gradient is there and exactly zero: the op that makes it so, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.zero_cuts import flat_alone, join_op, mask_product, where_zero, zero_origin
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import HALF
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import CUT, NO_PATH, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import CUSTOM_GRADIENT, NO_GRADIENT, PY_FUNCTION, gradient_sentence, op_name
from gradlab.doctor.rules.left_tensorflow import left

SATURATED = Cause(
    "zero-saturated",
    what="the function is flat here",
    fix="keep the input out of the flat region (scale, initialise, use logits or a leaky function)",
)
CANCEL = Cause(
    "zero-cancel",
    what="the contributions cancel",
    fix="the terms cancel: change the loss (a stop_gradient on one of them, or another estimator)",
)
MASKED = Cause(
    "zero-masked",
    what="everything here is masked or multiplied by zero",
    fix="check the mask, the mask value and the zeros that multiply it",
)
UNDERFLOW = Cause(
    "zero-underflow",
    what="the gradient is too small for its type",
    fix="use a wider dtype, scale the loss, or compute with logarithms",
)

# A gradient below this is about to be rounded to zero: 1e8 times the smallest positive number of the dtype (1e-38 for
# normal float32, 1e-308 for float64), as one more factor of a saturated function is easily that small.
TINY = {tf.float32: 1e-30, tf.float64: 1e-290}
# Probability of the largest class from which a softmax is one-hot for float32, whose numbers near 1 are 6e-8 apart.
PEAK = 1 - 1e-6


@dataclass(frozen=True)
class ZeroCut:
    """The op that turns a gradient into zero, and what made its factor zero."""

    cut: Cut
    factor: Op | None  # for a product: the op that made the other factor zero
    constant: bool  # for a product: the other factor is a constant of zeros
    mask: Op | None = None  # for a product: the earlier product that brought the zeros into the other factor
    later: Cut | None = None  # where the gradient that arrives becomes zero, though the cut alone would do


def zero_cut(case: Case) -> ZeroCut | None:
    """Where the gradient becomes zero; None if no single op does it."""
    run, flow = case.recorded, case.flow
    python = python_op(case)
    given = Cut(python, "flat", flow.carriers[python.index][0]) if python is not None else None
    cut = given if run.error is not None and given is not None else where_zero(run, flow, case.seed) or given
    if cut is None:
        return None
    alone = flat_alone(run, flow, cut)
    if alone is not None:
        return replace(_with_factor(run, alone), later=cut)
    return _with_factor(run, cut)


def _with_factor(run: Run, cut: Cut) -> ZeroCut:
    """A cut with what made the other factor of a product zero."""
    if cut.how != "cancel" and cut.op.type in op_types.PRODUCTS:
        for k in cut.op.ins:
            if k != cut.key and run.is_float(k) and not np.any(np.asarray(tf.cast(run.value(k), tf.float32))):
                origin = zero_origin(run, k)
                return ZeroCut(cut, origin, origin is None, mask_product(run, k))
        if cut.op.type in op_types.POWERS and cut.key is not None and _is_zero(run, cut.key):
            origin = zero_origin(run, cut.key)  # the slope of x ** 2 is 2 x: x itself is the other factor
            if origin is not None and origin.type in op_types.SATURATING:
                return ZeroCut(cut, origin, False)
    return ZeroCut(cut, None, False)


def python_op(case: Case) -> Op | None:
    """The op nearest the loss that runs a Python function."""
    return next((op for op in reversed(case.flow.path) if op.type in op_types.PYTHON), None)


def _becomes_zero(case: Case, op: Op | None = None) -> Finding:
    """The finding that blames an op, or the op of the cut."""
    zero = case.once(zero_cut)
    assert zero is not None
    cut = zero.cut
    blamed = op or cut.op
    where = place_of(blamed)
    where += [p for p in place_of(cut.op) if p not in where]
    evidence = gradient_sentence(case.recorded, zero.later or cut, "zero leaves it")
    if zero.later is not None:
        alone = "passes back zero whatever gradient arrives, and every way to the loss leads through it"
        evidence = f"{op_name(cut.op)} {alone}; behind it {evidence}"
    return Finding(where, evidence, (Proof.GRADIENT,), blamed.type, blamed, norm=0.0)


# --- no op makes it zero, or one whose zero only says that a part is not used -----------------------------------------


@rule(Kind.ZERO, rank=40)
def nothing_reaches_the_loss(case: Case) -> Finding | None:
    """The tape gives zeros for what the loss does not depend on when it is told to (unconnected_gradients)."""
    if case.flow.reached or case.once(zero_cut) is not None:
        return None
    found = find(case, NO_PATH)
    if found is not None:
        found.norm = 0.0
    return found


@rule(Kind.ZERO, rank=45)
def another_part_is_cut(case: Case) -> Finding | None:
    """The gradient is zero because the loss uses a part that was cut off from the source, and of what is left none."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.how != "flat" or zero.cut.op.type not in op_types.PARTS:
        return None
    for cut in case.cuts:
        found = find(case.but(given_cut=cut), CUT)
        if found is not None and found.cause is not None and found.cause.parts:
            break
    else:
        found = left(case)
    if found is not None:
        found.norm = 0.0
        found.proofs = tuple(Proof.FLOW if p is Proof.GRADIENT else p for p in found.proofs)
    return found


# --- the op that makes it zero, by what it is -------------------------------------------------------------------------


@rule(Kind.ZERO, rank=50, cause=CUSTOM_GRADIENT)
def custom_gradient_returns_zero(case: Case) -> Finding | None:
    """The op carries a custom gradient, whose backward function gave the zero."""
    zero = case.once(zero_cut)
    custom = zero is not None and "custom_gradient" in zero.cut.op.marks and zero.cut.op.type in op_types.COPIES
    return _becomes_zero(case) if custom else None


@rule(Kind.ZERO, rank=52, cause=PY_FUNCTION)
def python_function_returns_zero(case: Case) -> Finding | None:
    """A py_function whose body leaves TensorFlow gives zeros for what it can't follow."""
    zero = case.once(zero_cut)
    return _becomes_zero(case) if zero is not None and zero.cut.op.type in op_types.PYTHON else None


@rule(Kind.ZERO, rank=54, cause=CANCEL)
def contributions_cancel(case: Case) -> Finding | None:
    """The ops that use the value pass gradients back whose sum is exactly zero: blamed is where these ways meet."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.how != "cancel":
        return None
    key = zero.cut.key
    found = _becomes_zero(case, join_op(case.recorded, case.flow, key) if key is not None else None)
    if case.flow.path and all(op.type in op_types.SHIFTS for op in case.flow.path):
        # Nothing but sums leads from it to the loss: it is added on one side and taken away on the other.
        found.by_design = found.harmless = True
        found.message = "zero by construction: the loss does not depend on it, whatever its value; this is harmless"
        found.fix = "nothing to do: it is added to both sides of a difference (the last bias of a critic, for one)"
    return found


@rule(Kind.ZERO, rank=56, cause=CANCEL)
def one_value_on_both_sides(case: Case) -> Finding | None:
    """The op takes the same value twice with opposite slopes, or a difference of two equal values is raised to a power,
    or a softmax runs over values whose weights sum to 1 whatever they are."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.op.type in op_types.SELECTS:
        return None
    run, op, carriers = case.recorded, zero.cut.op, case.flow.carriers[zero.cut.op.index]
    if op.type in op_types.CANCELLING and len(set(carriers)) < len(carriers):
        return _becomes_zero(case)
    if op.type in op_types.SOFTMAX and not _one_hot(run, op):
        return _becomes_zero(case)
    if (
        op.type in op_types.POWERS_OF_A_DIFFERENCE
        and zero.factor is None
        and not zero.constant
        and _is_zero(run, zero.cut.key)
    ):
        difference = run.trace.producer.get(zero.cut.key) if zero.cut.key is not None else None
        both = case.flow.carriers.get(difference.index, []) if difference is not None else []
        if difference is not None and difference.type == "Sub" and len(set(both)) == 2:
            return _becomes_zero(case, difference)
    return None


def _one_hot(run: Run, op: Op) -> bool:
    """Is a softmax flat because one class has all the weight? (The softmax of one number is 1 whatever it is.)"""
    out = run.value(op.outs[0])
    if out.shape[-1] == 1:
        return False
    weights = tf.nn.softmax(tf.cast(run.value(op.ins[0]), tf.float64))
    return out.dtype in HALF or float(tf.reduce_min(tf.reduce_max(weights, -1))) > PEAK


def _saturated_factor(case: Case, factor: Op) -> bool:
    """Is a zero factor the output of a function that is flat there, or a number that depends on the source in steps?"""
    if factor.type in op_types.SATURATING:
        return True
    if factor.type in op_types.SELECTS:
        return factor.ins[0] in case.flow.tainted
    return factor.type == "Cast" and bool(case.flow.carriers.get(factor.index))


def _underflowed_factor(case: Case, factor: Op) -> bool:
    """Is a zero factor too small for its dtype, and not zero because of a mask?"""
    run = case.recorded
    if factor.type in op_types.UNDERFLOWING or factor.type == "Mul":
        masked = any(run.is_float(k) and bool(tf.reduce_any(tf.equal(run.value(k), 0))) for k in factor.ins)
        return factor.index in case.flow.carriers or not masked
    return factor.type == "Cast" and run.is_float(factor.ins[0])


@rule(Kind.ZERO, rank=60, cause=SATURATED)
def factor_is_saturated(case: Case) -> Finding | None:
    """The gradient is multiplied with the output of a function that is flat there and gives zero."""
    zero = case.once(zero_cut)
    factor = zero.factor if zero is not None else None
    return _becomes_zero(case, factor) if factor is not None and _saturated_factor(case, factor) else None


@rule(Kind.ZERO, rank=61, cause=MASKED)
def other_weight_is_zero(case: Case) -> Finding | None:
    """The source is multiplied with a weight that is trained and that is zero everywhere now. That is no mask: it was
    started at zero. Where both are zero, neither gets a gradient, and both stay."""
    zero = case.once(zero_cut)
    factor = zero.factor if zero is not None else None
    if zero is None or factor is None or factor.type not in op_types.READS or not factor.ins:
        return None
    run = case.recorded
    weight = next((v for v in run.variables() if run.key(v) == factor.ins[0] and v.trainable), None)
    if weight is None:
        return None
    found = _becomes_zero(case, zero.cut.op)
    found.where += [p for p in place_of(factor) if p not in found.where]
    name = str(weight.name).removesuffix(":0")
    found.evidence += f"; the other factor is the weight `{name}`, which is zero everywhere"
    found.fix = f"start `{name}` from small random numbers: another initializer than zeros"
    own = case.asked.value
    if isinstance(own, tf.Variable) and not np.any(np.asarray(tf.cast(tf.convert_to_tensor(own), tf.float64))):
        found.evidence += ", and so is this one: neither gets a gradient, and both stay zero"
    else:
        found.fix = (
            f"nothing, if `{name}` is meant to start at zero: it gets a gradient and leaves it; else {found.fix}"
        )
    return found


@rule(Kind.ZERO, rank=62, cause=UNDERFLOW)
def factor_underflows(case: Case) -> Finding | None:
    """The gradient is multiplied with a number that its dtype rounds to zero."""
    zero = case.once(zero_cut)
    factor = zero.factor if zero is not None else None
    return _becomes_zero(case, factor) if factor is not None and _underflowed_factor(case, factor) else None


@rule(Kind.ZERO, rank=58, cause=MASKED)
def sample_left_out_by_ctc(case: Case) -> Finding | None:
    """The CTC loss gives zero for a sample whose label does not fit into its frames, if it is told to leave those out."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.op.type not in op_types.CTC:
        return None
    found = _becomes_zero(case)
    found.evidence += "; the loss leaves out every sample of this batch"
    found.fix = (
        "the label is longer than the frames it is matched with (a repeated letter needs one frame more): give more frames, "
        "for example by less pooling, or take such samples out of the batch"
    )
    return found


@rule(Kind.ZERO, rank=63, cause=MASKED)
def state_is_zero(case: Case) -> Finding | None:
    """A recurrent kernel multiplies the state, and the state that a recurrent layer starts from is zero: with one step,
    or with the layer called anew for every step, it never meets another one. That is no mask."""
    zero = case.once(zero_cut)
    name = str(getattr(case.asked.given, "path", "")) + str(getattr(case.asked.value, "name", ""))
    if zero is None or "recurrent_kernel" not in name or zero.cut.op.type not in op_types.PRODUCTS:
        return None
    factor = zero.factor
    if not zero.constant and (factor is None or factor.type not in op_types.CONSTANT_FILLS):
        return None
    found = _becomes_zero(case)
    found.evidence += "; the state that it multiplies is the layer's own start, which is zero"
    found.fix = "pass the last state on, initial_state=state, or call the layer once on all time steps"
    return found


@rule(Kind.ZERO, rank=64, cause=MASKED)
def factor_is_a_mask(case: Case) -> Finding | None:
    """The gradient is multiplied with zeros that do not depend on the source."""
    zero = case.once(zero_cut)
    if zero is None or (zero.factor is None and not zero.constant):
        return None
    factor = zero.factor
    own = factor is None or factor.type in op_types.CONSTANT_FILLS | {"Cast"} or not factor.stack
    return _becomes_zero(case, zero.mask if own else factor)


@rule(Kind.ZERO, rank=66, cause=MASKED)
def branch_not_taken(case: Case) -> Finding | None:
    """The source is in the branch that tf.where does not take anywhere."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.op.type not in op_types.SELECTS:
        return None
    op = zero.cut.op
    return None if op.ins[0] in case.flow.carriers[op.index] else _becomes_zero(case)


@rule(Kind.ZERO, rank=70, cause=SATURATED)
def stationary_point(case: Case) -> Finding | None:
    """A power or a product at an argument of 0 has slope 0: x ** 2 at 0."""
    zero = case.once(zero_cut)
    at_zero = zero is not None and zero.cut.op.type in op_types.STATIONARY_AT_ZERO
    return _becomes_zero(case) if zero is not None and at_zero and _is_zero(case.recorded, zero.cut.key) else None


@rule(Kind.ZERO, rank=74, cause=UNDERFLOW)
def rounded_to_zero(case: Case) -> Finding | None:
    """The slope is not zero there, and the gradient that arrives is so small that their product is."""
    zero = case.once(zero_cut)
    if zero is None:
        return None
    op = zero.cut.op
    if op.type in op_types.PRODUCTS or op.type in op_types.NARROWING:
        return _becomes_zero(case)
    if not _tiny(case.recorded, op) or (op.type in op_types.SATURATING and op.type not in op_types.VANISHING):
        return None
    return _becomes_zero(case) if op.type not in op_types.SELECTS | op_types.SOFTMAX else None


@rule(Kind.ZERO, rank=80, cause=MASKED)
def part_not_used(case: Case) -> Finding | None:
    """The op hands on a part, or a sum, and what comes from the source is not in it."""
    zero = case.once(zero_cut)
    return _becomes_zero(case) if zero is not None and zero.cut.op.type in op_types.PARTS_AND_SUMS else None


@rule(Kind.ZERO, rank=85, cause=NO_GRADIENT)
def step_function(case: Case) -> Finding | None:
    """The op is constant between its steps, and TensorFlow gives zero for it."""
    zero = case.once(zero_cut)
    return _becomes_zero(case) if zero is not None and zero.cut.op.type in op_types.STEPS else None


@rule(Kind.ZERO, rank=90, cause=SATURATED)
def flat_function(case: Case) -> Finding | None:
    """The op's own slope is zero at its input, and the other rules do not know why: the function is flat there."""
    return _becomes_zero(case) if case.once(zero_cut) is not None else None


@rule(Kind.ZERO, rank=99, cause=SATURATED)
def not_found(case: Case) -> Finding | None:
    """Every op passes on the zero that arrives: no single one explains it, and flat functions are the commonest."""
    return Finding(place_of(case.last_use), "no single op explains the zero", norm=0.0)


def _is_zero(run: Run, k: int | None) -> bool:
    value = None if k is None else run.value(k)
    return value is not None and not np.any(np.asarray(tf.cast(value, tf.float64)))


def _tiny(run: Run, op: Op) -> bool:
    """Are the gradients that arrive at an op near the smallest number of their dtype?"""
    for o in op.outs:
        gradient = run.gradients.get(o)
        if gradient is None or not run.is_float(o):
            continue
        gradient = tf.convert_to_tensor(gradient)
        if gradient.dtype in HALF:
            return True
        top = float(tf.reduce_max(tf.abs(tf.cast(gradient, tf.float64))))
        return 0 < top < TINY.get(gradient.dtype, TINY[tf.float64])
    return False
