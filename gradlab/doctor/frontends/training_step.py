"""`explain(model, x, y)`: one training step exactly as `fit` takes it, explained.

The loss is the one that `compile` and the layers make: all outputs and losses, `add_loss`, regularisers, masks, sample
weights, dropout on, mixed precision and its loss scale. A model with a `train_step` of its own runs that step, its
optimizer calls included; variables and generators are put back.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.frontends.explain import explain
from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.fitted import of_classes
from gradlab.doctor.recording.snapshot import Snapshot, refused_note
from gradlab.doctor.report.report import Report
from gradlab.lab.reading import Kind
from gradlab.runtime.outside import outside

T = TypeVar("T")


def is_model(thing: Any) -> bool:
    """A Keras model, of either Keras."""
    return any(kind.__name__ == "Model" and "keras" in kind.__module__ for kind in type(thing).__mro__)


def explain_model(
    model: Any, x: Any, y: Any = None, *, sample_weight: Any = None, class_weight: Any = None, level: str = "full"
) -> Report:
    """Explain one training step of a compiled model on one batch; see `explain`."""
    check_compiled(model)
    data = packed(batch(x, y, sample_weight, class_weight))
    make_built(model, data)
    report = in_a_replica(lambda: explain_step(model, data, level))
    idle = never_called(model)
    if idle:
        report.notes.append(f"never called, so without variables and without gradients: {', '.join(idle)}")
    return report


def make_built(model: Any, data: Any) -> None:
    """Call a model that was never called once, as `fit` would: its layers get their variables, with their first values."""
    if getattr(model, "built", True) or own(model, "train_step"):  # a train_step of one's own builds what it calls
        return
    if model.distribute_strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} has no variables yet, and they belong under its distribution strategy; "
            "call it once inside strategy.scope() first"
        )
    snapshot = Snapshot(lambda v: id(v.handle))
    with snapshot.with_new():
        outputs(model, data[0] if isinstance(data, tuple) else data, True)
    snapshot.restore_variables()


def never_called(model: Any) -> list[str]:
    """The layers that could hold variables and have none, as nothing has called them."""
    layers = list(model._flatten_layers(include_self=False))  # noqa: SLF001 (both Kerases have it)
    lazy = [x for x in layers if not getattr(x, "built", True) and not list(x._flatten_layers(include_self=False))]  # noqa: SLF001
    return [f"{layer.name} ({type(layer).__name__})" for layer in lazy if _own_build(layer)]


def _own_build(layer: Any) -> bool:
    """Whether its class makes variables when it is built: Dropout and the like do not."""
    base: Any = next(kind for kind in type(layer).__mro__ if kind.__name__ == "Layer" and "keras" in kind.__module__)
    return getattr(type(layer).build, "__wrapped__", type(layer).build) is not getattr(
        base.build, "__wrapped__", base.build
    )


def in_a_replica(make: Callable[[], T]) -> T:
    """What `make()` returns, run as one replica: inside `strategy.scope()` a variable has no value that is its own."""

    def run() -> T:
        with tf_internals.as_first_replica():
            return make()

    return outside(run) if tf.distribute.in_cross_replica_context() else run()


def check_compiled(model: Any) -> None:
    """ValueError for a model that `fit` could not train."""
    if getattr(model, "compiled", None) is False or getattr(model, "optimizer", None) is None:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} is not compiled; expected a model that fit could train: call "
            "model.compile(optimizer, loss) first, or pass a function that computes the loss"
        )


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
        sample_weight = of_classes(y, class_weight)
    return tuple(None if part is None else tf.nest.map_structure(_tensor, part) for part in (x, y, sample_weight))


def _tensor(part: Any) -> Any:
    """A part of a batch as a tensor; NumPy's float64 in Keras' own float type, as `fit` turns it."""
    if tf.is_tensor(part) or isinstance(part, tf.__internal__.CompositeTensor):
        return part
    array = np.asarray(part)
    return tf.convert_to_tensor(array.astype(tf.keras.backend.floatx()) if array.dtype == np.float64 else array)


def packed(given: tuple[Any, Any, Any]) -> Any:
    """(x, y, sample_weight) as `fit` hands it to train_step: nothing where nothing was given."""
    x, y, weight = given
    if weight is not None:
        return x, y, weight
    if y is not None:
        return x, y
    return (x,) if tf.nest.is_nested(x) else x


def explain_step(model: Any, data: Any, level: str = "full") -> Report:
    """Explain the training step of `model` on `data` as train_step gets it. The model stays as it was."""
    if not own(model, "train_step"):
        return _explain_loss(model, data, level)
    snapshot, refused = Snapshot(lambda v: id(v.handle)), list[str]()
    try:
        with recorded_tapes() as opened, snapshot.with_new():
            model.train_step(data)
        found = reports(opened)
    finally:
        refused += snapshot.restore(list(snapshot.handles()))
    report = _joined(found)
    report.notes += refused_note(refused)
    return report


def loss_of(model: Any, data: Any, *, scale: bool = True) -> Callable[[], Any]:
    """The loss of Keras' own step on `data` as train_step gets it, as a function."""
    given = (*data, None, None)[:3] if isinstance(data, (tuple, list)) else (data, None, None)
    return lambda: loss(model, *given, scale=scale)


def _explain_loss(model: Any, data: Any, level: str) -> Report:
    """Explain Keras' own step. Norms are as the optimizer applies them: it multiplies the loss and divides gradients."""
    report = explain(loss_of(model, data), sources(model), owner=model, level=level)
    scale = float(scaled(model, tf.constant(1.0)))
    if scale == 1.0:
        return report
    if any(row.status is Kind.NOT_FINITE for row in report.rows):
        plain = loss_of(model, data, scale=False)
        report = explain(plain, sources(model), owner=model, level=level)
        if not any(row.status is Kind.NOT_FINITE for row in report.rows):
            note = (
                f"times the loss scale, {scale:g}, this step overflows: the optimizer skips it and takes a smaller scale, "
                "which is normal. The rows are those of the loss without its scale"
            )
            return dataclasses.replace(report, notes=[*report.notes, note])
        return report
    rows = [r if r.norm is None else dataclasses.replace(r, norm=r.norm / scale) for r in report.rows]
    note = (
        f"the loss is multiplied by the loss scale, {scale:g}, as in the training step; norms are divided by it again"
    )
    return dataclasses.replace(report, rows=rows, notes=[*report.notes, note])


def outputs(model: Any, x: Any, training: bool) -> Any:
    """What a model gives for `x`, whether or not its `call` takes `training`."""
    taking = inspect.signature(model.call).parameters
    takes = "training" in taking or any(p.kind is p.VAR_KEYWORD for p in taking.values())
    return model(x, training=training) if takes else model(x)


def loss(model: Any, x: Any, y: Any, sample_weight: Any, *, training: bool = True, scale: bool = True) -> Any:
    """The loss of Keras' own train_step, with `scale` scaled as its gradients are."""
    y_pred = outputs(model, x, training)
    compute = getattr(model, "_compute_loss", model.compute_loss)
    parts = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
    if "training" in inspect.signature(compute).parameters:
        parts["training"] = training
    value = compute(**parts)
    return scaled(model, value) if scale else value


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
    module = getattr(bound, "__func__", bound).__module__ or ""  # a class that exec made has none
    return not module.startswith(("keras.", "tf_keras."))


def _joined(found: list[Report]) -> Report:
    """One report of all tapes of a step: each variable by its path, with its best status over the tapes."""
    rows: dict[str, Any] = {}
    for report in found:
        for row in report.rows:
            if row.name not in rows or (row.status is Kind.OK and rows[row.name].status in (Kind.NONE, Kind.ZERO)):
                rows[row.name] = row
    notes = [note for report in found for note in report.notes]
    return Report(list(rows.values()), notes, title="the training step", seconds=sum(r.seconds for r in found))
