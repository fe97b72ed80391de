"""The source is used in a function of a tf.data pipeline, which runs by itself: no tape sees what happens there."""

from __future__ import annotations

import ast

import tensorflow as tf

from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.frames import places
from gradlab.doctor.rules import NO_PATH, Case, Finding, rule
from gradlab.doctor.rules.detached_op import PIPELINE
from gradlab.doctor.source_code.made_earlier import Maker, kept


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


FIX = "use the layer inside the tape, on the batches that the pipeline gives: a tf.data pipeline carries values, not gradients"
