"""A loss that holds a derivative of a network whose activations are straight lines."""

from __future__ import annotations

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import descends
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.zero import zero_cut

SECOND = Cause(
    "zero-second-derivative",
    what="the second derivative of an activation that is piecewise linear (relu, leaky_relu) is zero",
    fix="where the loss holds a derivative of the network, use an activation that has a second derivative (tanh, swish, "
    "gelu, softplus)",
)


def slope_sentence(op: Op) -> str:
    """What is known of the op that computes the slope of such an activation."""
    return f"{op.type} is the slope of a piecewise linear activation; the slope of that is zero whatever its input is"


@rule(Kind.ZERO, rank=57, cause=SECOND)
def slope_of_a_slope(case: Case) -> Finding | None:
    """The gradient goes back into the slope of the activation, by the input that decides which straight piece it is on."""
    zero = case.once(zero_cut)
    op = zero.cut.op if zero is not None else None
    if zero is None or op is None or op.type not in op_types.PIECEWISE_SLOPES or zero.cut.key != op.ins[-1]:
        return None
    return Finding(place_of(op), slope_sentence(op), (Proof.GRADIENT,), op.type, op, norm=0.0)


@rule(Kind.ZERO, rank=59, cause=SECOND)
def factor_is_a_second_derivative(case: Case) -> Finding | None:
    """The gradient is multiplied with a second derivative, which is zero as the activation's slope has none: the zeros were
    made for an input of that slope, and nothing curved stands before it."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.op.type not in op_types.PRODUCTS or not (zero.constant or zero.factor is not None):
        return None
    if zero.factor is not None and zero.factor.type not in op_types.CONSTANT_FILLS:
        return None
    run = case.recorded
    made = zero.factor.index if zero.factor is not None else len(run.trace.ops)
    slopes = [op for op in run.trace.ops if op.type in op_types.PIECEWISE_SLOPES and op.index < zero.cut.op.index]
    lines = {op.stack[:1] for op in slopes}
    for k in zero.cut.op.ins:
        if k == zero.cut.key or not run.is_float(k):
            continue
        asked = _asked_here(run.trace.producer.get(k))
        slope = next((op for op in reversed(slopes) if op.index < made), None)
        if asked and slope is not None and lines and descends(run, k, op_types.PIECEWISE_SLOPES) is not None:
            found = Finding(place_of(slope), slope_sentence(slope), (Proof.VALUES,), slope.type, slope, norm=0.0)
            found.evidence += ", and a product with it stands in the loss"
            return found
    return None


def _asked_here(op: Op | None) -> bool:
    """Was an op made by a gradient call of the user's?"""
    return op is not None and any(".gradient(" in p.code or ".jacobian(" in p.code for p in place_of(op)[:1])
