"""Rows for gradients that are there, whole or with a part missing."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.doctor import cause, locate
from gradlab.doctor.drawn import describe, drawn, place_of
from gradlab.doctor.finding import Finding
from gradlab.doctor.flow import Flow
from gradlab.doctor.locate import Cut
from gradlab.doctor.observe import Run
from gradlab.doctor.row import Row
from gradlab.doctor.sources import Source
from gradlab.doctor.wording import finish


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
    for cut in locate.cuts(run, flow):
        label = cause.of_cut(run, flow, cut)
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
            or cut.op.type in cause.FLAT
            or (label == "custom-gradient" and locate.bypassed(run, flow, cut))
        ):
            continue
        found.append(cut)
    return flow, found


def partial_row(run: Run, flow: Flow, source: Source, cut: Cut | None, found: Finding | None, sentence: str) -> Row:
    """A row for a gradient that misses a path."""
    row = Row(source.name, "partial")
    if cut is not None:
        row.cause = cause.of_cut(run, flow, cut)
        describe(run, flow, row, cut)
        drawn(run, flow, row, cut.op)
    elif found is not None:
        row.cause, row.where, row.op = found.cause, found.where, found.op
    row.evidence = sentence
    row.confidence = 0.85
    return finish(row)
