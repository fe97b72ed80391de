"""Eigenvectors whose eigenvalues are equal."""

from __future__ import annotations

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import gradient_sentence
from gradlab.doctor.rules.zero import zero_cut

EQUAL = Cause(
    "equal-eigenvalues",
    what="eigenvalues are equal, so their eigenvectors have no slope",
    fix="start from a matrix whose eigenvalues differ, or compute without eigenvectors (a Cholesky factor whitens too)",
)


def _between_equals(run: Run, op: Op, turns: bool) -> bool:
    """Does the gradient ask for a change of one eigenvector towards another with the same eigenvalue?

    `turns`: count only what turns one into the other. The rest moves both alike and cancels in a sum over them.
    """
    values, vectors = op.outs
    gradient = run.gradients.get(vectors)
    if gradient is None:
        return False
    e = run.value(values)
    towards = tf.linalg.matmul(run.value(vectors), tf.convert_to_tensor(gradient), adjoint_a=True)
    if turns:
        towards -= tf.linalg.adjoint(towards)
    towards = tf.linalg.set_diag(towards, tf.zeros_like(e, towards.dtype))
    return bool(tf.reduce_any((e[..., :, None] == e[..., None, :]) & (towards != 0)))


@rule(Kind.ZERO, rank=68, cause=EQUAL)
def vectors_of_equal_values(case: Case) -> Finding | None:
    """The loss tells two eigenvectors apart that may be turned into each other. TensorFlow divides by the difference of
    their eigenvalues, and gives zero where that is zero."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.op.type not in op_types.EIGENVECTORS:
        return None
    run, op = case.recorded, zero.cut.op
    if not _between_equals(run, op, turns=True):
        return None
    evidence = gradient_sentence(run, zero.cut, "zero leaves it") + "; eigenvalues of its matrix are equal"
    return Finding(place_of(op), evidence, (Proof.GRADIENT,), op.type, op, norm=0.0)


@rule(Kind.WRONG, rank=58, cause=EQUAL)
def part_between_equal_values(case: Case) -> Finding | None:
    """A function of the whole matrix, like its inverse root, has a slope where eigenvalues are equal. TensorFlow's
    gradient of the eigenvectors lacks that part: it gives zero for each pair of equal eigenvalues."""
    run = case.recorded
    for op in reversed(case.flow.path):
        if op.type in op_types.EIGENVECTORS and _between_equals(run, op, turns=False):
            evidence = (
                "eigenvalues of the matrix are equal, and TensorFlow gives zero for what lies between their vectors"
            )
            return Finding(place_of(op), evidence, (Proof.VALUES,), op.type, op)
    return None
