"""A loss that holds a derivative of a network whose activations are straight lines."""

from __future__ import annotations

from gradlab.doctor import op_types
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
    """The gradient is multiplied with zeros that a gradient call has made in place of the slope of such a slope."""
    zero = case.once(zero_cut)
    made = zero.factor if zero is not None else None
    if made is None or made.type not in op_types.CONSTANT_FILLS or not _asked_here(made):
        return None
    slopes = [op for op in case.recorded.trace.ops if op.type in op_types.PIECEWISE_SLOPES and op.index < made.index]
    # Zeros of the shape of its input: TensorFlow makes them by either op.
    own = [op for op in slopes if made.type == "Fill" or made.ins[:1] == op.ins[-1:]]
    if not own:
        return None
    evidence = f"{slope_sentence(own[0])}, and these zeros are a factor here"
    return Finding(place_of(own[0]), evidence, (Proof.VALUES,), own[0].type, own[0], norm=0.0)


def _asked_here(op: Op) -> bool:
    """Was an op made by a gradient call of the user's?"""
    return any(f".{what}(" in p.code for p in place_of(op)[:1] for what in ("gradient", "jacobian", "batch_jacobian"))
