"""The gradient is NaN or infinite: the op that makes it so, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut, after, where_not_finite
from gradlab.doctor.analysis.rerun_op import local_vjp
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import HALF
from gradlab.doctor.recording.tf_internals import EagerTensor
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import CUSTOM_GRADIENT, gradient_sentence, op_name
from gradlab.doctor.source_code.updates import update_after

IN_WHERE = Cause(
    "nan-where",
    what="the branch that tf.where does not take has no finite derivative",
    fix="make the branch that is not taken safe as well: put a harmless number in before the op (the double where)",
)
ROOT_OR_NORM = Cause(
    "nan-sqrt-norm",
    what="a root or a norm is taken at 0, where its derivative is infinite",
    fix="keep the argument away from 0: tf.sqrt(x + 1e-12), tf.maximum(x, 1e-6)",
)
OVERFLOW = Cause(
    "nan-overflow",
    what="the gradient is larger than the largest number of its dtype",
    fix="compute this part in float32: cast before the operation, not behind it; or make the loss smaller (a mean in place of a sum)",
)
SCALE_FIX = (
    "take a smaller loss scale, or one that adapts itself: a keras LossScaleOptimizer with a dynamic scale leaves out such a "
    "step and halves the scale. Divide the gradients by the same number"
)
FORWARD = Cause(
    "nan-forward",
    what="the value is not finite already in the forward pass",
    fix="correct the values of the forward pass first: this op already gives NaN or infinity",
)
PROBABILITY_FIX = (
    "keep the argument of the logarithm above 0: a loss on logits (from_logits=True) needs none of a probability; or clip it, "
    "tf.clip_by_value(p, 1e-7, 1 - 1e-7)"
)
AMOUNT_FIX = "keep the argument of the logarithm above 0: add a small number, tf.math.log(x + 1e-6), or clip it, tf.maximum(x, 1e-6)"
NEGATIVE_FIX = (
    "keep the argument of the logarithm above 0: clip it, tf.maximum(x, 1e-6), or compute it as tf.exp or tf.nn.softplus of "
    "a free value"
)
TIMES_INFINITY_FIX = (
    "write a large finite number in place of infinity (-1e9; in float16 -6e4), or choose with tf.where(mask, x, -np.inf), "
    "which multiplies nothing"
)
# Ops back from a where's condition in which a test for NaN is looked for: isnan, not, and, a cast.
CONDITION_DEPTH = 20
BETWEEN = 3  # changes of sign or shape between a logarithm and the product that makes NaN of it


def spoilt(case: Case) -> Cut | None:
    """Where the gradient becomes NaN or infinite."""
    return where_not_finite(case.recorded, case.flow)


def _at(case: Case, cut: Cut) -> Finding:
    run = case.recorded
    got = run.kind(cut.key) if cut.key is not None else ""
    evidence = gradient_sentence(run, cut, f"{'infinity' if got == 'inf' else 'NaN'} leaves it")
    norm = run.norm(cut.key) if cut.key is not None else None
    return Finding(place_of(cut.op), evidence, (Proof.GRADIENT,), cut.op.type, cut.op, norm=norm)


@rule(Kind.NOT_FINITE, rank=50, cause=CUSTOM_GRADIENT)
def custom_gradient_not_finite(case: Case) -> Finding | None:
    """The op carries a custom gradient, whose backward function gave NaN or infinity."""
    cut = case.once(spoilt)
    if cut is None or cut.how == "forward" or "custom_gradient" not in cut.op.marks:
        return None
    return _at(case, cut) if cut.op.type in op_types.COPIES else None


@rule(Kind.NOT_FINITE, rank=60, cause=IN_WHERE)
def branch_not_taken(case: Case) -> Finding | None:
    """The gradient that arrives is zero where the op spoils it (0 * infinity is NaN), because a tf.where, a slice or a
    maximum further on does not use the value; or the value itself is not finite and a tf.where leaves it out."""
    cut = case.once(spoilt)
    if cut is None or cut.how == "forward":
        return None
    run, op = case.recorded, cut.op
    later = after(run, op, case.flow.needed)
    selects = [o for o in run.trace.ops if o.index in later and o.type in op_types.SELECTS]
    masked = _masked(run, op)
    if any(run.is_float(o) and not bool(tf.reduce_all(tf.math.is_finite(run.value(o)))) for o in op.outs):
        tested = any(_tests_itself(run, s, later, op) for s in selects)
        return _at(case, cut) if not tested and (selects or masked) else None
    return _at(case, cut) if masked and _chosen_away(case, op) else None


@rule(Kind.NOT_FINITE, rank=65, cause=FORWARD)
def too_large_for_its_dtype(case: Case) -> Finding | None:
    """The op's inputs are finite and its result is infinite in half precision: float32 would hold the number."""
    cut = case.once(spoilt)
    if cut is None or cut.op.type not in op_types.OVERFLOWING or not cut.op.outs:
        return None
    run, op = case.recorded, cut.op
    dtype = getattr(run.value(op.outs[0]), "dtype", tf.float32)
    inputs = [run.value(k) for k in op.ins if run.is_float(k)]
    if dtype not in HALF or not inputs or not all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in inputs):
        return None
    reached = " and ".join(f"{float(tf.reduce_max(tf.abs(tf.cast(v, tf.float64)))):,.6g}" for v in inputs)
    found = _at(case, cut)
    found.fix = (
        f"cast to float32 before this operation (scale a loss in float32): its inputs reach {reached}, and {dtype.name} "
        f"ends at {float(dtype.max):,.6g}"
    )
    return found


@rule(Kind.NOT_FINITE, rank=68, cause=FORWARD)
def spoilt_before_this_step(case: Case) -> Finding | None:
    """The first value that is not finite is the content of a variable, and nothing in this step has written to it: an
    earlier step, or its update, has. With the record of what ran between the tapes the line of the update is known;
    without it, the text tells which line below the gradient call writes one."""
    cut = case.once(spoilt)
    if (
        cut is None
        or cut.op.type not in op_types.READS
        or not cut.op.outs
        or not _bad(case.recorded.value(cut.op.outs[0]))
    ):
        return None
    handle = cut.op.ins[0]
    ran = (op for op in case.recorded.trace.ops if op.index < cut.op.index)
    if any(op_types.is_write(op.type) and handle in op.ins for op in ran):
        return None
    earlier = case.call.history.ops if case.call is not None and case.call.history is not None else []
    write = next((op for op in reversed(earlier) if op_types.is_write(op.type) and handle in op.ins and op.stack), None)
    found = _at(case, cut)
    found.evidence = "the variable is NaN or infinite before this step reads it"
    found.fix = (
        "look for the step that made it so: `gradlab watch SCRIPT` names it for a fit, gradlab.Watch and its step() in a loop "
        "of your own. Then look at that step's loss and update: the learning rate, a division by a norm"
    )
    if write is not None:
        found.where = [*place_of(write), *found.where]
        found.evidence += f"; it was last written by {write.type} at {found.where[0]}"
    elif case.step > 1 and (update := update_after(case.scope.spots)) is not None:
        found.where = [update, *found.where]
        found.evidence += f"; the update of the step before, at {update}, has written it"
        found.proofs = (*found.proofs, Proof.TEXT)
    return found


@rule(Kind.NOT_FINITE, rank=70, cause=FORWARD)
def value_not_finite(case: Case) -> Finding | None:
    """The op's output is NaN or infinite in the forward pass, and the loss uses it."""
    cut = case.once(spoilt)
    if cut is None:
        return None
    run = case.recorded
    bad = any(run.is_float(o) and not bool(tf.reduce_all(tf.math.is_finite(run.value(o)))) for o in cut.op.outs)
    if cut.how != "forward" and not bad:
        return None
    found = _at(case, cut)
    handed = [run.value(k) for k in cut.op.ins if k not in run.trace.producer and _bad(run.value(k))]
    if handed and _zero_times_infinity(run, cut.op):
        found.evidence += "; it multiplies 0 by infinity, which is NaN"
        found.fix = TIMES_INFINITY_FIX
    elif handed:
        found.evidence += f"; it was handed {_counted(handed[0])}"
        found.fix = "look at the data of this step: leave out or replace what is missing in them"
    elif cut.op.type in op_types.DIVISIONS and bool(tf.reduce_any(tf.equal(run.value(cut.op.ins[-1]), 0))):
        found.evidence += f"; it divides {_range(run.value(cut.op.ins[0]))} by {_range(run.value(cut.op.ins[-1]))}"
        found.fix = "keep the divisor away from 0 (a sum over an empty mask is 0): tf.math.divide_no_nan(a, b), or tf.maximum(b, 1.0)"
    elif (log := _logarithm(run, cut.op)) is not None:
        argument = run.value(log.ins[0])
        found.evidence = f"{op_name(log)} is taken of {_range(argument)} and gives {_first_bad(run.value(log.outs[0]))}"
        if log is not cut.op:
            found.evidence += f", from which {op_name(cut.op)} makes the first value that the loss can't have"
            found.where = [*place_of(log), *(p for p in place_of(cut.op) if p not in place_of(log))]
            found.op, found.blamed = log.type, log
        low, high = float(tf.reduce_min(argument)), float(tf.reduce_max(argument))
        found.fix = NEGATIVE_FIX if low < 0 else PROBABILITY_FIX if high <= 1 else AMOUNT_FIX
    return found


@rule(Kind.NOT_FINITE, rank=75, cause=OVERFLOW)
def gradient_too_large_for_its_dtype(case: Case) -> Finding | None:
    """The gradient that arrives is finite and the one that leaves the op is not, in half precision: computed in float32
    the same op passes a finite one on. A loss scale on the way is named if the gradient fits without it."""
    cut = case.once(spoilt)
    if cut is None or cut.key is None or cut.how == "forward":
        return None
    run, dtype = case.recorded, getattr(case.recorded.value(cut.key), "dtype", tf.float32)
    wide = local_vjp(run, cut.op, cut.key, wide=True) if dtype in HALF else None
    if wide is None or _bad(wide := tf.convert_to_tensor(wide)):
        return None
    reached, end = float(tf.reduce_max(tf.abs(tf.cast(wide, tf.float64)))), float(dtype.max)
    if reached <= end:
        return None
    found = _at(case, cut)
    found.evidence += f": it reaches {reached:,.6g}, which exceeds {dtype.name}'s {end:,.6g}"
    factor, scale = max(_factors(case, cut.op), key=lambda pair: pair[0], default=(1.0, None))
    if scale is not None and reached / factor <= end:
        found.evidence += f"; the loss is multiplied by {factor:,.6g}, and without that the gradient fits"
        found.where = [*place_of(scale), *(p for p in found.where if p not in place_of(scale))]
        found.op, found.blamed, found.fix = scale.type, scale, SCALE_FIX
    return found


def _factors(case: Case, op: Op) -> Iterator[tuple[float, Op]]:
    """The products behind an op that multiply the loss as a whole, on a line of the learner's: the factor, and the op.
    What comes behind such a product only shifts or multiplies."""
    run, needed = case.recorded, case.flow.needed
    later = after(run, op, needed)
    for product in case.flow.path:
        factor = _factor(case, product) if product.index in later and product.stack else None
        if factor is None:
            continue
        behind = after(run, product, needed)
        if all(o.type in op_types.SHIFTS or _factor(case, o) is not None for o in case.flow.path if o.index in behind):
            yield factor, product


def _factor(case: Case, op: Op) -> float | None:
    """The one number, which does not depend on the source, that an op multiplies by; a divisor counts as its inverse."""
    run, division = case.recorded, op.type in op_types.DIVISIONS
    by = [k for k in op.ins if k not in case.flow.carriers[op.index] and run.is_float(k)]
    if not (division or op.type == "Mul") or len(by) != 1 or run.value(by[0]).shape.num_elements() != 1:
        return None
    factor = abs(float(tf.reshape(run.value(by[0]), ())))
    if not division:
        return factor
    return 1 / factor if factor and by[0] == op.ins[-1] else None


@rule(Kind.NOT_FINITE, rank=80, cause=ROOT_OR_NORM)
def infinite_slope(case: Case) -> Finding | None:
    """The values are finite and the slope of the op at its input is not: a root at 0, or a function at the end of where
    it is defined."""
    cut = case.once(spoilt)
    return _at(case, cut) if cut is not None else None


@rule(Kind.NOT_FINITE, rank=99, cause=FORWARD)
def not_found(case: Case) -> Finding | None:
    """No op turns a finite gradient into one that is not: then a value of the forward pass is the likeliest reason."""
    return Finding(place_of(case.last_use), "the op that makes it NaN or infinite was not found")


@rule(Kind.OK, rank=5, cause=FORWARD)
def loss_not_finite(case: Case) -> Finding | None:
    """The slope of an op can be finite where its value is not (the log of a negative number: 1 / x), so every gradient is
    there and the loss is NaN. The weights move by something that belongs to no loss."""
    if case.run is None or (case.call is not None and case.call.what != "gradient"):
        return None  # the Jacobian of an output may hold an infinity on purpose: the logits of masked classes
    bad = [t for t in case.recorded.targets if isinstance(t, EagerTensor) and _bad(t)]
    found = value_not_finite(case) if bad else None
    if found is None:
        return None
    word = "NaN" if bool(tf.reduce_any(tf.math.is_nan(bad[0]))) else "infinite"
    found.status_text = f"a gradient flows, but the loss is {word}"
    found.evidence = f"`{_code(found)}` gives the first value that is not finite, and its slope is finite"
    found.norm = case.norm
    return found


def _zero_times_infinity(run: Run, op: Op) -> bool:
    """Does an op multiply infinities that it was handed, a constant of the program, by zeros?"""
    if op.type not in op_types.MASKING_PRODUCTS:
        return False
    one, other = (run.value(k) for k in op.ins)
    return any(
        bool(tf.reduce_any(tf.math.is_inf(a)))
        and not tf.reduce_any(tf.math.is_nan(a))
        and bool(tf.reduce_any(tf.equal(b, 0)))
        for a, b in ((one, other), (other, one))
        if a.dtype.is_floating and b.dtype == a.dtype
    )


def _logarithm(run: Run, op: Op) -> Op | None:
    """The logarithm, of finite numbers, whose result is not finite: the op itself, or what gave it an infinity."""
    ways = [op, *(run.trace.producer.get(k) for k in op.ins if run.is_float(k) and _bad(run.value(k)))]
    for maker in ways:
        for _ in range(BETWEEN):
            if maker is None or maker.type in op_types.LOGARITHMS or maker.type not in op_types.REARRANGES | {"Neg"}:
                break
            maker = run.trace.producer.get(maker.ins[0])
        if maker is not None and maker.type in op_types.LOGARITHMS and not _bad(run.value(maker.ins[0])):
            return maker
    return None


def _first_bad(value: Any) -> str:
    return "NaN" if bool(tf.reduce_any(tf.math.is_nan(value))) else "minus infinity"


def _code(found: Finding) -> str:
    """The text of the blamed line."""
    return found.where[0].code if found.where else found.op


def _bad(value: Any) -> bool:
    return getattr(value, "dtype", tf.int32).is_floating and not bool(tf.reduce_all(tf.math.is_finite(value)))


def _range(value: Any) -> str:
    """The numbers of a tensor in short: the one, or the smallest and the largest."""
    low, high = float(tf.reduce_min(value)), float(tf.reduce_max(value))
    return f"{low:.3g}" if low == high else f"values from {low:.3g} to {high:.3g}"


def _counted(value: Any) -> str:
    """How many numbers of a tensor are not finite, in words."""
    bad = int(tf.reduce_sum(tf.cast(~tf.math.is_finite(value), tf.int64)))
    shape = tuple(value.shape)
    return f"a {value.dtype.name} tensor of shape {shape} in which {bad} of {value.shape.num_elements()} values are NaN or infinite"


def _chosen_away(case: Case, op: Op) -> bool:
    """Does a choice further on (where, slice, maximum, a mask's zeros) make the arriving zero, and not a slope that is
    zero by itself?"""
    run, keys = case.recorded, set(op.outs)
    for later in run.trace.ops:
        if later.index <= op.index or later.index not in case.flow.needed or not any(k in keys for k in later.ins):
            continue
        if later.type in op_types.CHOOSERS:
            return True
        if later.type in op_types.MASKING_PRODUCTS:
            others = [k for k in later.ins if k not in keys and run.is_float(k)]
            if any(bool(tf.reduce_any(tf.equal(run.value(k), 0))) for k in others):
                return True
        if any(
            run.kind(o) == "ok" and bool(tf.reduce_all(tf.not_equal(tf.convert_to_tensor(run.gradients[o]), 0)))
            for o in later.outs
            if run.gradients.get(o) is not None
        ):
            return False
        keys.update(later.outs)
    return False


def _tests_itself(run: Run, select: Op, later: set[int], op: Op) -> bool:
    """Does the condition of a where() test the very values that the op spoilt?"""
    maker = run.trace.producer.get(select.ins[0])
    for _ in range(CONDITION_DEPTH):
        if maker is None:
            return False
        if maker.type in op_types.FINITE_TESTS:
            source = run.trace.producer.get(maker.ins[0])
            return source is not None and (source.index in later or source.index == op.index)
        maker = run.trace.producer.get(maker.ins[0]) if maker.ins else None
    return False


def _masked(run: Run, op: Op) -> bool:
    """Is the gradient that arrives zero exactly where the op spoils it: a branch that was not taken?"""
    for o in op.outs:
        arriving = run.gradients.get(o)
        if arriving is None or not run.is_float(o):
            continue
        for k in op.ins:
            leaving = run.gradients.get(k)
            if leaving is None:
                continue
            a, b = np.asarray(tf.convert_to_tensor(arriving)), np.asarray(tf.convert_to_tensor(leaving))
            if a.shape == b.shape:
                bad = ~np.isfinite(b)
                return bool(bad.any() and (a[bad] == 0).all())
            return bool((a == 0).any())
    return False
