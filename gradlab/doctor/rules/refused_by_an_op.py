"""A kernel of TensorFlow refused the values that it was given: those of an op, or of the gradient of one."""

from __future__ import annotations

import tensorflow as tf

from gradlab.doctor.analysis.refusing_op import refusing_op
from gradlab.doctor.certainty import Proof
from gradlab.doctor.op_types import INVERTING
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of

REFUSED = Cause(
    "values-refused",
    what="this operation, or its gradient, can't be computed for the values it is given",
    fix="change the values that reach this operation, or compute the same with others (see the message)",
)
# What TensorFlow's kernels say of a matrix that has no inverse, or is not positive definite.
SINGULAR_WORDS = ("not invertible", "decomposition was not successful")
SINGULAR = (
    "give it a matrix that can be inverted: start the weight from keras.initializers.Orthogonal(), or add a small multiple of "
    "tf.eye"
)


@rule(Kind.RAISES, rank=68, cause=REFUSED)
def matrix_refused(case: Case) -> Finding | None:
    """The code under the tape raised, and the message is a kernel's on a matrix. What the line asks for is right; its values are
    not."""
    in_block = case.call is not None and case.call.what == "with"
    singular = isinstance(case.error, tf.errors.InvalidArgumentError) and any(
        w in str(case.error) for w in SINGULAR_WORDS
    )
    if not in_block or not singular or not case.raised_at:
        return None
    evidence = "it was raised inside the tape's with-block, before the tape was asked"
    found = Finding(case.raised_at, evidence, (Proof.ERROR,), fix=SINGULAR)
    found.status_text = "the code under the tape raised"
    return found


@rule(Kind.RAISES, rank=70, cause=REFUSED)
def op_refuses(case: Case) -> Finding | None:
    """The forward pass ran, TensorFlow's kernel of a gradient refused its input (a matrix that is not invertible), and this is
    the op that the gradient is of. Its line is the one to change; that of the gradient call is not."""
    in_block = case.call is not None and case.call.what == "with"
    if case.run is None or in_block or not isinstance(case.error, tf.errors.OpError) or not case.run.targets:
        return None
    op = refusing_op(case.recorded, case.error)
    if op is None:
        return None
    where = place_of(op)
    where += [p for p in case.raised_at if p not in where]
    fix = SINGULAR if op.type in INVERTING else ""
    evidence = f"the forward pass ran; the gradient of {op.type} raised"
    return Finding(where, evidence, (Proof.ERROR, Proof.FLOW), op.type, op, fix=fix)
