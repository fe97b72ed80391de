"""Rows for gradients that are there, whole or with a part missing."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis import cuts
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import describe, drawn, place_of
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import detached_op
from gradlab.doctor.rules.finding import Finding


def ok_row(run: Run, source: Source, gradient: Any) -> Row:
    """A row for a gradient that is there, with its path."""
    row = Row(source.name, "ok")
    values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
    row.norm = float(tf.norm(tf.cast(tf.abs(values), tf.float64)))
    return row


# Steps and counts are flat almost everywhere: they cannot be what a settled finite difference contradicts.
FLAT_LABELS = {"integer-cast", "comparison", "argmax", "argsort-topk-index", "random-sampling"}


def suspicions(run: Run, source: Source) -> tuple[Flow, list[Cut]]:
    """Side paths of a source on which a slope can be lost."""
    flow = run.between(source)
    found = []
    for cut in cuts.cuts(run, flow):
        label = detached_op.of_cut(run, flow, cut)
        # A stop_gradient that the learner did not write stands in a library formula (moments, for one) that is right
        # as a whole.
        theirs = (
            cut.op.type == "StopGradient"
            and cut.op.stack
            and "stop_gradient" not in " ".join(p.code for p in place_of(cut.op))
        )
        if (
            label in FLAT_LABELS
            or theirs
            or cut.op.type in detached_op.FLAT
            or (label == "custom-gradient" and cuts.bypassed(run, flow, cut))
        ):
            continue
        found.append(cut)
    return flow, found


def partial_row(run: Run, flow: Flow, source: Source, cut: Cut | None, found: Finding | None, sentence: str) -> Row:
    """A row for a gradient that misses a path."""
    row = Row(source.name, "partial")
    if cut is not None:
        row.cause = detached_op.of_cut(run, flow, cut)
        describe(run, flow, row, cut)
        drawn(run, flow, row, cut.op)
    elif found is not None:
        row.cause, row.where, row.op = found.cause, found.where, found.op
    row.evidence = sentence
    row.confidence = 0.85
    return finish(row)
