"""The source is used in a function of a tf.data pipeline, which runs by itself: no tape sees what happens there."""

from __future__ import annotations

import ast

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.frames import places
from gradlab.doctor.rules import NO_PATH, Case, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import PIPELINE
from gradlab.doctor.source_code.made_earlier import Maker, kept

FIX = "use the layer inside the tape, on the batches that the pipeline gives: a tf.data pipeline carries values, not gradients"


@rule(Kind.NONE, rank=8, cause=PIPELINE)
def taken_into_a_pipeline(case: Case) -> Finding | None:
    """An op on the way makes a dataset that takes the variable itself: its function reads it, out of the sight of any tape."""
    if not case.asked.is_variable:
        return None
    op = next((op for op in case.flow.path if case.seed in op.ins and op_types.is_dataset(op.type) and op.stack), None)
    if op is None:
        return None
    evidence = (
        "a function of this pipeline uses it, and the pipeline runs by itself; the loss gets the values that come out"
    )
    return Finding(place_of(op), evidence, (Proof.FLOW,), op.type, op, fix=FIX)


@rule(NO_PATH, rank=47, cause=PIPELINE)
def used_in_a_pipeline(case: Case) -> Finding | None:
    """A dataset that the program keeps has a function that takes in the variable, and the text makes the dataset with
    something that holds it."""
    if not case.asked.is_variable:
        return None
    seed, maker = case.seed, Maker(case.scope, case.asked)
    for thing in kept(case.scope, lambda data: seed in tf_internals.captured_by(data), (tf.data.Dataset,)):
        chain = maker.chain(thing)
        if not chain:
            continue
        op = case.last_use
        evidence = (
            f"`{chain[0].name}` = `{ast.unparse(chain[0].value)}` uses it inside the pipeline, which runs by itself; the loss "
            "gets the values that come out"
        )
        where = [chain[0].place, *(p for p in (places(op.stack) if op is not None else []) if p != chain[0].place)]
        return Finding(where, evidence, (Proof.OBJECT, Proof.TEXT), "Dataset", fix=FIX)
    return None
