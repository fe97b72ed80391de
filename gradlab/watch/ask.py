"""Ask the doctor about a step: the batch and the weights from before it are put in, and all is put back after."""

from __future__ import annotations

import ast
import inspect
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.runtime.exceptions import sentence
from gradlab.watch import variables
from gradlab.watch.alarm import Alarm
from gradlab.watch.recorder import Recorder

_SILENT = "the doctor was not asked: {}"


def step(model: Any, recorder: Recorder, alarm: Alarm) -> Any:
    """A report on the step that the alarm is about, or a sentence that says why there is none."""
    if alarm.rule == "unseen":  # not a matter of gradients: the step has them, or does not ask for them
        return Note(left_out(model, alarm.variables))
    from gradlab.doctor.frontends.training_step import explain_step

    replica = min(
        (r for r in recorder.replicas.values() if r.capture.exact),
        key=lambda r: int(r.bad.numpy()) if int(r.bad.numpy()) > 0 else 1 << 62,
        default=None,
    )
    if replica is None:
        return Note(_SILENT.format("under XLA with several replicas the batch cannot be copied"))
    data = replica.capture.data()
    if data is None:
        return Note(_SILENT.format("no batch was copied"))
    with _put_in(replica.capture.state if alarm.rule == "nan" and int(replica.capture.taken.numpy()) > 0 else {}):
        report = explain_step(model, data, "quick")  # "full" runs the step again dozens of times
    notes = [odd_inputs(data), layer_of_zeros(model, alarm.variables) if alarm.rule == "zero" else ""]
    return Shortened(report, alarm.variables, "\n".join(note for note in notes if note))


def unlisted(model: Any, recorder: Recorder) -> Alarm | None:
    """An alarm about variables that the step computes with and that no list of the model has; None if all is well."""
    from gradlab.doctor.frontends.training_step import explain_step

    replica = next((r for r in recorder.replicas.values() if r.capture.exact), None)
    data = replica.capture.data() if replica is not None else None
    if data is None:
        return None
    report = explain_step(model, data, "quick")
    names = tuple(row.name for row in report.rows if row.status is Kind.MISSING)
    if not names:
        return None
    which = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    words = f"{which} never reached an optimizer: the model does not list it, so it is not trained"
    reason = "read by the first step, with a gradient, and not in model.trainable_variables"
    return Alarm("unseen", 1, 1, names, words, reason, Shortened(report, names))


# Methods of an optimizer that a train_step hands its gradients to.
APPLIES = ("apply_gradients", "apply", "minimize")


def left_out(model: Any, names: tuple[str, ...]) -> str:
    """Which variables the training step hands to no optimizer, and the lines that hand it the others."""
    which = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    words = f"train_step hands these variables to no optimizer, so they keep their first values: {which}"
    lines = _applying_lines(model)
    if not lines:
        words += "\nthe line is not known: the source of train_step has no call of apply_gradients, apply or minimize"
    for place in lines:
        words += f"\n{place.shown}\n  > {place.code}"
    return (
        words
        + "\nfix: put them into the list whose gradients this call gets, or freeze their layer (trainable = False)"
    )


SHOWN = 8  # names or lines in one sentence


def _applying_lines(model: Any) -> list[Any]:
    """The lines of a model's own train_step that call an optimizer."""
    from gradlab.doctor.frontends.training_step import own
    from gradlab.doctor.recording.frames import Place

    if not own(model, "train_step"):
        return []
    step = inspect.unwrap(getattr(model.train_step, "__func__", model.train_step))
    try:
        lines, first = inspect.getsourcelines(step)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):  # typed in at a prompt, or made by exec
        return []
    calls = {
        n.lineno
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in APPLIES
    }
    file = inspect.getsourcefile(step) or ""
    return [Place(file, first + at - 1, "train_step") for at in sorted(calls)[:SHOWN]]


def layer_of_zeros(model: Any, names: tuple[str, ...]) -> str:
    """The layer nearest to the loss of those whose gradients are all zero: where they become zero, or behind it."""
    found = ""
    for layer in getattr(model, "_flatten_layers")(include_self=False, recursive=True):  # noqa: B009
        mine = {str(getattr(v, "path", None) or v.name).removesuffix(":0") for v in layer.trainable_variables}
        if mine and mine <= set(names):
            activation = getattr(getattr(layer, "activation", None), "__name__", "")
            found = f"{layer.name} ({type(layer).__name__}{', activation ' + activation if activation else ''})"
    return f"the last layer with a zero gradient, in the model's order: {found}" if found else ""


def odd_inputs(data: Any) -> str:
    """A sentence on what in the batch is not finite; empty where all is."""
    parts = data if isinstance(data, (tuple, list)) else (data,)
    for what, part in zip(("x", "y", "sample_weight"), parts, strict=False):
        for leaf in tf.nest.flatten(part, expand_composites=True):
            if tf.is_tensor(leaf) and leaf.dtype.is_floating:
                rows = tf.reduce_any(~tf.math.is_finite(tf.reshape(leaf, (tf.shape(leaf)[0], -1))), 1)
                found = [int(n) for n in np.flatnonzero(rows.numpy())] if leaf.shape.rank else []
                if len(found):
                    return f"the batch itself is not finite: {what} holds NaN or Inf in {len(found)} rows, first in row {found[0]}"
    return ""


def loop(loss_fn: Callable[[], Any] | None, watched: list[Any], names: list[str]) -> Any:
    """The same for a loop of one's own, where the loss can be computed again."""
    if loss_fn is None:
        return Note(_SILENT.format("pass loss_fn=lambda: ... to watch.step, and it runs the loss of this batch again"))
    from gradlab.doctor.frontends.explain import explain

    return explain(loss_fn, dict(zip(names, watched, strict=True)))


@contextmanager
def _put_in(state: dict[Any, tuple[Any, Any]]) -> Iterator[None]:
    """The copied values in the model's variables while the block runs."""
    pairs = [(variables.raw(v), copy) for v, copy in state.values()]
    now = [variable.read_value() for variable, _ in pairs]
    try:
        for variable, copy in pairs:
            variable.assign(copy.read_value())
        yield
    finally:
        for (variable, _), value in zip(pairs, now, strict=True):
            variable.assign(value)


def failed(error: Exception) -> Note:
    """What is kept in place of a report where the doctor itself failed: the training goes on, and it is said twice."""
    words = (
        f"gradlab's doctor failed on this step with {sentence(error)}. The training went on. Where "
        "the traceback ends in gradlab, the fault is gradlab's: please report it.\n"
        + "".join(traceback.format_exception(error))
    )
    warnings.warn(words, RuntimeWarning, stacklevel=2)
    return Note(words)


class Note:
    """A sentence in place of a report."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words

    def to_dict(self) -> dict[str, Any]:
        return {"note": self.words}


class Shortened:
    """A doctor's report of which the lines about some variables are shown; `.whole` has all."""

    def __init__(self, whole: Any, names: tuple[str, ...], note: str = "") -> None:
        self.whole, self.note = whole, note
        self.rows = [row for name in names for row in whole.rows if row.name == name and row.is_explained]
        if not self.rows:  # the trouble shows elsewhere
            self.rows = whole.problems[:1]

    def __repr__(self) -> str:
        if not self.rows:
            return (
                self.note
                or "the doctor finds every gradient in order on this batch: look at the data and at the learning rate"
            )
        row = self.rows[0]
        lines = [self.note] if self.note else []
        lines += [f"{row.words}{': ' + row.reason if row.cause else ''}"]
        for place in row.where[:1]:
            lines += [place.shown, *([f"  > {place.code}"] if place.code else [])]
        lines += [text for text in (row.message, row.evidence, f"fix: {row.fix}" if row.fix else "") if text]
        others = [r.name for r in self.rows[1:] if r.where[:1] == row.where[:1]]
        if others:
            lines.append(
                f"the same for {len(others)} more: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return str(self.whole._repr_html_())

    def to_dict(self) -> dict[str, Any]:
        return {"note": self.note, "rows": [row.to_dict() for row in self.rows]}
