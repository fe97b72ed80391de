"""Line gradients of one training step of a compiled Keras model, as `fit` takes it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends import given_batch, training_step
from gradlab.lines import hooks
from gradlab.lines.api import line_gradients, recorded
from gradlab.lines.doctor_parts import Snapshot, key
from gradlab.lines.model import LineGradients
from gradlab.runtime.generators import generators_kept


def of_model(
    model: Any, x: Any, y: Any, *, sample_weight: Any, class_weight: Any, source: str | None, cut: bool
) -> LineGradients:
    """See `line_gradients`. A model with a `train_step` of its own runs that step; its last tape is what is answered.

    The model, its optimizer and metrics stay as they were.
    """
    training_step.check_compiled(model)
    hooks.check_free()
    given = training_step.batch(x, y, sample_weight, class_weight)
    given_batch.check_targets(model, given[1], training_step.own, "gradlab.line_gradients")
    data = training_step.packed(given)
    with given_batch.shapes_named(model, given[0]):
        training_step.make_built(model, data)
        found = training_step.in_a_replica(lambda: of_step(model, data, source, cut))
        if found.error is not None and (not found.lines or given_batch.misfit(model, given[0])):
            # No line of the caller's own carries it, or one that is not at fault.
            raise RuntimeError(
                f"the training step failed: {type(found.error).__name__}: {found.error}"
            ) from found.error
    return found


def of_step(model: Any, data: Any, source: str | None, cut: bool) -> LineGradients:
    """The same for `data` as `train_step` gets it."""
    scale = float(training_step.scaled(model, tf.constant(1.0)))
    if training_step.own(model, "train_step"):
        snapshot = Snapshot(key)
        try:
            with snapshot.with_new(), generators_kept():
                found = recorded(lambda: model.train_step(data))
        finally:
            snapshot.restore(list(snapshot.handles()))
        found.result = None  # the logs of a step that did not count
        if cut and found.error is None and any(s.kind in ("none", "zero", "nan", "inf") for s in found.sources):
            found.mark_cuts(training_step.explain_step(model, data, "quick").rows)
        found = found.chosen(source)
    else:
        loss = training_step.loss_of(model, data)
        found = line_gradients(loss, training_step.sources(model), source=source, cut=cut)
    found.title = f"line gradients of one training step of {model.name}"
    if scale != 1.0:
        found.notes.append(f"the loss is multiplied by the loss scale, {scale:g}, as in the step; all norms contain it")
    return found
