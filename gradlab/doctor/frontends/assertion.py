"""`assert_gradients`: what a test asks of a model's gradients, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gradlab.doctor.frontends.explain import explain
from gradlab.doctor.frontends.training_step import explain_model, is_model, sources
from gradlab.doctor.report.groups import groups
from gradlab.doctor.report.report import Diagnosis, Report
from gradlab.lab.reading import Kind
from gradlab.runtime.arguments import names


def assert_gradients(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    none: bool = False,
    zero: bool = False,
    wrong: bool = False,
    by_design: bool = True,
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
    none, zero, wrong
        Whether a gradient may be None, exactly zero, or wrong: one that finite differences of the loss contradict.
    by_design
        Whether a zero or a wrong gradient passes that the report calls "by design here": the zero of a bias which the loss
        adds and subtracts, or the part that a `tf.stop_gradient` leaves out, as for a target network. A weight whose gradient
        is None does not train at all, so that it needs `none=True`.
    finite
        Whether every gradient must be finite.
    trained
        A list of parts of names: a variable whose path holds one must have a gradient, and there must be one. None: all of
        them.
    frozen
        A list of parts of names of variables that must not be trained: none of them may be in `model.trainable_variables`
        with a gradient that is not zero.

    Returns
    -------
    Report
        The whole report, when nothing is wrong.

    Raises
    ------
    AssertionError
        With one line for each variable; those with the same cause together, and the line of code to blame after them.
    TypeError
        `trained` or `frozen` is a string, or `model` is neither of those.

    Examples
    --------
    >>> import gradlab, numpy as np, tensorflow as tf
    >>> model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = gradlab.assert_gradients(model, np.ones((8, 4), "float32"), np.ones((8, 1), "float32"))
    """
    trained = None if trained is None else names(trained, "trained")
    frozen = names(frozen, "frozen")
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
    said: list[str] = []
    for part in (*frozen, *(trained or ())):
        every = [*known, *(_paths(model) if is_model(model) else [])]
        if not any(part in name for name in every):
            said.append(f"{part!r} is in no name; the names are {', '.join(every)}")
    allowed = [
        Kind.OK,
        *([Kind.NONE] if none else []),
        *([Kind.ZERO] if zero else []),
        *([Kind.WRONG] if wrong else []),
        *([] if finite else [Kind.NOT_FINITE]),
    ]
    refused: list[Diagnosis] = []
    for row in report.rows:
        if any(part in row.name for part in frozen):
            if row.status not in (Kind.NONE, Kind.ZERO, Kind.MISSING):
                said.append(f"{row.name}: it should stay frozen, but its gradient is not zero")
        elif by_design and row.by_design and row.status in (Kind.ZERO, Kind.WRONG):
            continue
        elif (trained is None or any(part in row.name for part in trained)) and row.status not in allowed:
            refused.append(row)
    for group in groups(refused):
        said += _lines(group)
    if said:
        raise AssertionError("\n".join(["gradlab.assert_gradients:", *said]))
    return report


def _lines(group: list[Diagnosis]) -> list[str]:
    """One line for each variable of a group that says the same, and once what to do about it."""
    first = group[0]
    place = f" at {first.where[0].shown}" if first.where else ""
    told = f"{first.words}{': ' + first.reason if first.cause else ''}{place}"
    lines = [f"{row.name}: {told}" for row in group]
    lines += [f"  > {first.where[0].code}"] if first.where and first.where[0].code else []
    lines += [f"  fix: {first.fix}"] if first.fix else []
    if first.by_design and first.status in (Kind.NONE, Kind.WRONG, Kind.ZERO):
        option = first.status.value  # none=, zero=, wrong=: named after the kinds
        lines.append(f"  if it is meant: {option}=True, or trained=[...] with the variables that must train")
    return lines


def _paths(model: Any) -> list[str]:
    return [str(getattr(v, "path", None) or v.name) for v in model.variables]
