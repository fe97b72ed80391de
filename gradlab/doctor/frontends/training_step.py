"""`explain(model, x, y)`: one training step exactly as `fit` takes it, explained.

The loss is the one that `compile` and the layers make: all outputs and losses, `add_loss`, regularisers, masks, sample
weights, dropout on, mixed precision and its loss scale. A model with a `train_step` of its own runs that step, its
optimizer calls included; variables and generators are put back.
"""

from __future__ import annotations

import inspect
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.frontends.explain import explain
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.report.report import Report
from gradlab.lab.reading import Kind


def is_model(thing: Any) -> bool:
    """A Keras model, of either Keras."""
    return any(kind.__name__ == "Model" and "keras" in kind.__module__ for kind in type(thing).__mro__)


def explain_model(
    model: Any, x: Any, y: Any = None, *, sample_weight: Any = None, class_weight: Any = None, level: str = "full"
) -> Report:
    """Explain one training step of a compiled model on one batch; see `explain`."""
    if getattr(model, "compiled", None) is False or getattr(model, "optimizer", None) is None:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} is not compiled; expected a model that fit could train: call "
            "model.compile(optimizer, loss) first, or pass a function that computes the loss"
        )
    return explain_step(model, batch(x, y, sample_weight, class_weight), level)


def batch(x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> tuple[Any, ...]:
    """What train_step gets: (x, y, sample_weight) of tensors; the first batch of a dataset."""
    if isinstance(x, tf.data.Dataset):
        if y is not None or sample_weight is not None:
            raise ValueError("x is a tf.data.Dataset, which brings y and sample_weight itself; leave both out")
        given = next(iter(x))
        x, y, sample_weight = (*given, None, None)[:3] if isinstance(given, tuple) else (given, None, None)
    if class_weight is not None:
        if y is None or sample_weight is not None:
            raise ValueError("class_weight needs y, and no sample_weight beside it")
        labels = tf.convert_to_tensor(y)
        if labels.shape.rank > 1 and labels.shape[-1] > 1:
            labels = tf.argmax(labels, -1)
        keys, values = [int(k) for k in class_weight], [float(v) for v in class_weight.values()]
        found = tf.cast(tf.reshape(labels, (-1, 1)), tf.int64) == tf.constant(keys, tf.int64)
        sample_weight = tf.where(tf.reduce_any(found, 1), tf.reduce_sum(tf.where(found, values, 0.0), 1), 1.0)
    tensors = [
        None if part is None else tf.nest.map_structure(tf.convert_to_tensor, part) for part in (x, y, sample_weight)
    ]
    return tuple(tensors)


def explain_step(model: Any, data: Any, level: str = "full") -> Report:
    """Explain the training step of `model` on `data` as train_step gets it. The model stays as it was."""
    given = (*data, None, None)[:3] if isinstance(data, (tuple, list)) else (data, None, None)
    if not own(model, "train_step"):
        return explain(lambda: loss(model, *given), sources(model), owner=model, level=level)
    snapshot = Snapshot(lambda v: id(v.handle))
    try:
        with recorded_tapes() as opened:
            model.train_step(data)
        found = reports(opened)
    finally:
        snapshot.restore(list(snapshot.handles()))
    return _joined(found)


def loss(model: Any, x: Any, y: Any, sample_weight: Any, *, training: bool = True) -> Any:
    """The loss of Keras' own train_step, scaled as its gradients are."""
    taking = inspect.signature(model.call).parameters
    takes = "training" in taking or any(p.kind is p.VAR_KEYWORD for p in taking.values())
    y_pred = model(x, training=training) if takes else model(x)
    compute = getattr(model, "_compute_loss", model.compute_loss)
    parts = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
    if "training" in inspect.signature(compute).parameters:
        parts["training"] = training
    return scaled(model, compute(**parts))


def scaled(model: Any, value: Any) -> Any:
    """The loss times the loss scale of the model's optimizer, where it has one."""
    scale = getattr(model.optimizer, "scale_loss", None) or getattr(model.optimizer, "get_scaled_loss", None)
    return value if scale is None else scale(value)


def sources(model: Any) -> dict[str, Any]:
    """The trainable variables by their paths, as `model.summary()` and `Watch` name them."""
    found: dict[str, Any] = {}
    for variable in model.trainable_variables:
        base = name = str(getattr(variable, "path", None) or variable.name).removesuffix(":0")
        n = 2
        while name in found:
            name, n = f"{base}#{n}", n + 1
        found[name] = variable
    return found


def own(model: Any, method: str) -> bool:
    """Whether the user wrote that method."""
    bound = getattr(model, method)
    return not getattr(bound, "__func__", bound).__module__.startswith(("keras.", "tf_keras."))


def _joined(found: list[Report]) -> Report:
    """One report of all tapes of a step: each variable by its path, with its best status over the tapes."""
    rows: dict[str, Any] = {}
    for report in found:
        for row in report.rows:
            if row.name not in rows or (row.status is Kind.OK and rows[row.name].status in (Kind.NONE, Kind.ZERO)):
                rows[row.name] = row
    notes = [note for report in found for note in report.notes]
    return Report(list(rows.values()), notes, title="the training step", seconds=sum(r.seconds for r in found))
