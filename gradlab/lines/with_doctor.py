"""Run code once, recorded for line gradients and by the doctor, so that the cut is on its line.

The doctor's hooks lie over ours: ours are installed first and removed last, so that the mirrors (made by the methods as
they were before) are no tapes to the doctor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gradlab.doctor.frontends import training_step
from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.report.report import Report
from gradlab.lines.assemble import build
from gradlab.lines.doctor_parts import Snapshot, code_of, key
from gradlab.lines.model import LineGradients
from gradlab.lines.recording import Recording
from gradlab.runtime.generators import generators_kept


@dataclass
class Ran:
    """What a run gave: one result for each line that asked a tape, the last one last."""

    results: list[LineGradients] = field(default_factory=list)
    error: BaseException | None = None
    returned: Any = None


class ScriptRecording(Recording):
    """Leaves tf.functions compiled, unless a tape around them records; remembers what to run again eagerly."""

    def calls(self, function: Any, args: Any, kwargs: Any) -> bool:
        if self.active:
            return super().calls(function, args, kwargs)
        code = code_of(function)
        file = code.co_filename if code is not None else ""
        if "keras" in file and ("trainer" in file or "training" in file):  # Keras 3, legacy Keras
            self.last_fit = _fit() or self.last_fit
        elif code is not None and _mentions_tape(code):
            self.last_function = function, args, kwargs
        return False

    last_fit: dict[str, Any] | None = None


def run(function: Callable[[], Any], *, doctor: bool = True) -> Ran:
    """Run code that opens its own tapes. Its exception is kept as `.error`, SystemExit and KeyboardInterrupt too: what was
    recorded until then is there. Without `doctor` no cut is marked.

    A tf.function that opens a tape, and `fit`, run compiled as they are; if no tape was asked outside of them, the last
    call is run once more eagerly, and weights, optimizer slots and generators are put back.
    """
    recording = ScriptRecording()
    ran = _recorded(recording, function, doctor)
    if not any(r.asks for r in ran.results) and not isinstance(ran.error, KeyboardInterrupt):
        again = _again(recording, doctor)
        if again is not None:
            again.error = again.error or ran.error
            again.returned = ran.returned
            if ran.error is not None and not again.results:
                again.results = ran.results
            return again
    return ran


def _recorded(recording: Recording, function: Callable[[], Any], doctor: bool) -> Ran:
    ran = Ran()

    def both() -> Any:
        with recorded_tapes() as opened:
            try:
                return function()
            finally:
                box.append(opened)

    box: list[Any] = []
    try:
        ran.returned = recording.run(both if doctor else function)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # shown by the caller
        ran.error = error
    found = reports(box[0]) if box else []
    raised = ran.error if isinstance(ran.error, Exception) else None
    last = {(a.file, a.line): i for i, a in enumerate(recording.asks)}
    for (_, line), i in last.items():
        result = build(recording, ask=i, error=raised if i == len(recording.asks) - 1 else None)
        for report in found:
            if _about(report, line):
                result.mark_cuts(report.rows)
        ran.results.append(result)
    if not recording.asks and (recording.stretch.ops or raised is not None):
        ran.results.append(build(recording, error=raised))
    return ran


def _about(report: Report, line: int) -> bool:
    return report.title.endswith((f":{line})", f"line {line})"))


def _again(recording: ScriptRecording, doctor: bool) -> Ran | None:
    """Once more in eager mode: the last call of a tf.function that opens a tape, or one batch of `fit`."""
    from gradlab.lines.of_model import of_step  # which imports what imports this module

    make: Callable[[], LineGradients] | None = None
    if recording.last_function is not None:
        function, args, kwargs = recording.last_function
        name = getattr(function.python_function, "__name__", "a tf.function")
        if any(hasattr(a, "__next__") for a in (*args, *kwargs.values())):
            return None  # it would take another batch out of the learner's iterator

        def call() -> Any:
            return function.python_function(*args, **kwargs)

        words = f"the tf.function {name} ran compiled; these are the values of its last call, run once more eagerly"
    elif recording.last_fit is not None:
        given = _given(recording.last_fit)
        if given is None:
            return None
        model = recording.last_fit["self"]
        filled = _filled(model)

        def call() -> Any:
            # As `fit` calls it: `train_on_batch` would hand a step of one's own three parts, whatever `fit` was given.
            return training_step.in_a_replica(lambda: model.train_step(given[0]))

        words = "fit ran compiled; these are the values of one more training step, run eagerly on its first batch"
        if filled:
            words += ", with numbers in the variables that the step had not yet given any, so norms mean nothing here"
        if not training_step.own(
            model, "train_step"
        ):  # no line of the learner's asks a tape: the doctor asks about the loss
            make = partial(of_step, model, given[0], None, doctor)
    else:
        return None
    snapshot = Snapshot(key)
    try:
        with generators_kept():
            if make is None:
                ran = _recorded(Recording(), call, doctor)
            else:
                found = training_step.in_a_replica(make)
                ran = Ran([found], found.error)
    finally:
        snapshot.restore(snapshot.changed())
    for result in ran.results:
        result.mode = f"{words}; weights, optimizer state and generators are put back"
        result.notes = [n for n in result.notes if not n.startswith("tf.functions ran eagerly")]
    return ran


def _mentions_tape(code: Any, depth: int = 3) -> bool:
    if "GradientTape" in code.co_names or "Tape" in code.co_names:
        return True
    return depth > 0 and any(_mentions_tape(c, depth - 1) for c in code.co_consts if hasattr(c, "co_names"))


def _fit() -> dict[str, Any] | None:
    """The arguments of the `fit` that is running."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "fit" and "keras" in frame.f_code.co_filename:
            names = frame.f_locals
            return {n: names.get(n) for n in ("self", "x", "y", "sample_weight", "batch_size")}
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _filled(model: Any) -> bool:
    """Give contents to variables that have none: a trace that raised made them, and their start never ran. Zeros for an
    optimizer's and for vectors, small random numbers for a weight's table: with zeros a network would pass no gradient on.
    True if there was a weight among them."""
    import tensorflow as tf

    optimizers = [thing for thing in vars(model).values() if hasattr(thing, "apply_gradients")]
    listed = [(v, True) for v in model.variables]
    for optimizer in optimizers:
        known = optimizer.variables
        listed += [(v, False) for v in (known() if callable(known) else known)]
    seed, weights = 0, False
    for variable, weight in listed:
        inner = getattr(variable, "value", variable)
        if hasattr(inner, "handle") and not bool(inner.is_initialized()):
            seed, weights = seed + 1, weights or weight
            start = tf.zeros(inner.shape, inner.dtype)
            if weight and inner.shape.rank > 1 and inner.dtype.is_floating:
                start = tf.random.stateless_normal(inner.shape, (seed, 0), stddev=0.1, dtype=inner.dtype)
            inner.assign(start)
    return weights


def _given(fit: dict[str, Any]) -> tuple[Any] | None:
    """The first batch of what `fit` was given, as `train_step` gets it, in a tuple of one; None if taking it would use up
    something of the learner's, or if there is none."""
    import tensorflow as tf

    x = fit["x"]
    if isinstance(x, tf.data.Dataset):
        return next(((first,) for first in x.take(1)), None)
    if hasattr(x, "__next__"):
        return None
    if (
        hasattr(x, "__getitem__")
        and hasattr(x, "__len__")
        and not hasattr(x, "shape")
        and not isinstance(x, (list, tuple, dict))
    ):
        return (training_step.packed(training_step.batch(*x[0])),)  # a keras.utils.PyDataset
    size = fit["batch_size"] or 32  # Keras' own default

    def cut(part: Any) -> Any:
        return None if part is None else tf.nest.map_structure(lambda t: t[:size], part)

    given = (cut(x), cut(fit["y"]), cut(fit["sample_weight"]))
    return (training_step.packed(training_step.batch(*given)),)
