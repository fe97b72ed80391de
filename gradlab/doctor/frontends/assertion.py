"""`assert_gradients`: what a test asks of a model's gradients, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gradlab.doctor.frontends.explain import explain
from gradlab.doctor.frontends.training_step import explain_model, is_model, sources
from gradlab.doctor.report.report import Report
from gradlab.lab.reading import Kind


def assert_gradients(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    none: bool = False,
    zero: bool = False,
    finite: bool = True,
    trained: Iterable[str] | None = None,
    frozen: Iterable[str] = (),
) -> Report:
    """Fail a test when a gradient of one training step is None, zero, wrong or not finite.

    Parameters
    ----------
    model, x, y, sample_weight, class_weight
        A compiled Keras model and one batch, as `explain` takes them. Or a function that computes the loss, and as `x`
        the sources.
    none, zero
        Whether a gradient may be None, or exactly zero. A zero that the doctor finds to be by design is allowed: that of a
        bias which the loss adds and subtracts.
    finite
        Whether every gradient must be finite.
    trained
        Parts of names: a variable whose path holds one must have a gradient, and there must be one. None: all of them.
    frozen
        Parts of names of variables that must not be trained: none of them may be in `model.trainable_variables` with a
        gradient that is not zero.

    Returns
    -------
    Report
        The whole report, when nothing is wrong.

    Raises
    ------
    AssertionError
        With one line for each variable, and the line of code to blame.

    Examples
    --------
    >>> import gradlab, numpy as np, tensorflow as tf
    >>> model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = gradlab.assert_gradients(model, np.ones((8, 4), "float32"), np.ones((8, 1), "float32"))
    """
    report: Report
    if is_model(model):
        known = list(sources(model))
        report = explain_model(model, x, y, sample_weight=sample_weight, class_weight=class_weight)
        known = list(sources(model)) or known
    elif isinstance(model, Callable):  # type: ignore[arg-type]
        report = explain(model, x)
        known = [row.name for row in report.rows]
    else:
        raise TypeError(
            f"model is a {type(model).__name__}; expected a compiled Keras model, or a function of the loss"
        )
    frozen, trained = tuple(frozen), None if trained is None else tuple(trained)
    wrong: list[str] = []
    for part in (*frozen, *(trained or ())):
        every = [*known, *(_paths(model) if is_model(model) else [])]
        if not any(part in name for name in every):
            wrong.append(f"{part!r} is in no name; the names are {', '.join(every)}")
    allowed = [
        Kind.OK,
        *([Kind.NONE] if none else []),
        *([Kind.ZERO] if zero else []),
        *([] if finite else [Kind.NOT_FINITE]),
    ]
    for row in report.rows:
        if any(part in row.name for part in frozen):
            if row.status not in (Kind.NONE, Kind.ZERO, Kind.MISSING):
                wrong.append(f"{row.name}: it should stay frozen, but its gradient is not zero")
        elif row.status is Kind.ZERO and row.by_design:  # the last bias of a critic, which its loss subtracts again
            continue
        elif (trained is None or any(part in row.name for part in trained)) and row.status not in allowed:
            place = f" at {row.where[0].shown}" if row.where else ""
            wrong.append(f"{row.name}: {row.words}{': ' + row.reason if row.cause else ''}{place}")
            wrong += [f"  > {row.where[0].code}"] if row.where and row.where[0].code else []
            wrong += [f"  fix: {row.fix}"] if row.fix else []
    if wrong:
        raise AssertionError("\n".join(["gradlab.assert_gradients:", *wrong]))
    return report


def _paths(model: Any) -> list[str]:
    return [str(getattr(v, "path", None) or v.name) for v in model.variables]
