"""Ask the doctor about a step: the batch and the weights from before it are put in, and all is put back after."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.watch import variables
from gradlab.watch.alarm import Alarm
from gradlab.watch.recorder import Recorder

_SILENT = "the doctor was not asked: {}"


def step(model: Any, recorder: Recorder, alarm: Alarm) -> Any:
    """A report on the step that the alarm is about, or a sentence that says why there is none."""
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
    return Shortened(report, alarm.variables, odd_inputs(data))


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
        f"gradlab's doctor failed on this step with {type(error).__name__}: {error}. The training went on. Where "
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
        self.rows = [row for name in names for row in whole.rows if row.name == name and row.is_problem]
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
        lines += [f"{row.words}{': ' + row.cause if row.cause else ''}"]
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
