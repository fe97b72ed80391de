"""`line_gradients` for a loss function, `of_program` for code with its own tapes, `of_scenario` for one position of a scenario.

`ran` and `scenario_ran` are the halves of the last two: a run that is recorded, from which `Ran.lines` builds the rest later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.lab.forward_only import hearing
from gradlab.lab.measure import Taken, as_scenario, taken_of
from gradlab.lab.scenario import Scenario
from gradlab.lines import hooks
from gradlab.lines.assemble import build
from gradlab.lines.doctor_parts import READS, Progress, Snapshot, check_loss, collect, is_model, key, stateful, watched
from gradlab.lines.model import LineGradients
from gradlab.lines.recording import Recording, Stop
from gradlab.runtime import tf_loading
from gradlab.runtime.devices import check_device
from gradlab.runtime.generators import generators_kept


def line_gradients(
    fn: Any,
    sources: Any,
    y: Any = None,
    *,
    watch: Any = (),
    source: str | None = None,
    cut: bool = True,
    sample_weight: Any = None,
    class_weight: Any = None,
) -> LineGradients:
    """The norm of d loss / d value for every value that every line of the learner's code makes, one for each visit.

    Parameters
    ----------
    fn
        Zero-argument callable that computes and returns the scalar loss, as it would under a tape. Or a compiled Keras
        model: then `line_gradients(model, x, y)` records one training step as `fit` would take it, `x` being a batch or
        a `tf.data.Dataset`, `sample_weight` and `class_weight` those of `fit`.
    sources
        What the gradient is asked for: a dict of names to variables or tensors, a list, a Keras layer or model, or a
        `tf.Module`.
    watch
        Names of sources, or tensors, that the tape watches (`tape.watch`).
    source
        The name of one source, whose way is to stand out where the lines are shown.
    cut
        Where the gradient of a source is absent, zero or not finite, ask the doctor (`gradlab.explain`, level "quick")
        which line is to blame, and mark it. It runs `fn` twice more.

    Returns
    -------
    LineGradients
        `.lines` of all functions that ran. A norm is Euclidean, in the unit of the loss over that of the value. If `fn`
        raised, the line carries the exception, and `.error` is the exception.

    Raises
    ------
    TypeError, ValueError, LookupError
        The arguments, or what `fn` returns, cannot be used; the message names the thing.
    RuntimeError
        Called inside a run that is being recorded already.

    Notes
    -----
    `fn` runs once, with its tf.functions eager, under a persistent tape that watches every float that an op makes; its
    gradient function is asked once for all of them. Variables and the generators of Python, NumPy and TensorFlow are
    put back. All intermediate values stay alive meanwhile. A visit begins with Python's line events (`sys.settrace`, from Python 3.12
    on `sys.monitoring`).

    Examples
    --------
    >>> import tensorflow as tf, gradlab
    >>> w = tf.Variable([1.0, 2.0])
    >>> def loss():
    ...     h = tf.square(w)
    ...     return tf.reduce_sum(h)
    >>> found = gradlab.line_gradients(loss, {"w": w})
    >>> [round(v.norm, 3) for line in found.lines for v in line.visits]  # d sum(h) / d h = (1, 1); d loss / d loss = 1
    [1.414, 1.0]
    """
    if is_model(fn):
        from gradlab.lines.of_model import of_model

        return of_model(fn, sources, y, sample_weight=sample_weight, class_weight=class_weight, source=source, cut=cut)
    if not callable(fn):
        raise TypeError(
            f"fn is a {type(fn).__name__}; expected a function without arguments that computes and returns the loss"
        )
    hooks.check_free()
    found, owner = collect(sources, None)
    names = {s.name: s.value for s in found}
    if source is not None and source not in names:
        raise LookupError(f"no source {source!r}; the sources are {', '.join(map(repr, names)) or 'none'}")
    watches = watched(watch, found)
    snapshot = Snapshot(key)
    progress = Progress(name="gradlab.line_gradients")
    touched: set[int] = set()

    def attempt(eager: bool) -> tuple[Recording, Any, Exception | None]:
        recording = Recording(eager_functions=eager, progress=progress.ops)

        def asked() -> Any:
            tape = recording.own_tape(watches)
            try:
                return fn()
            finally:
                recording.close(tape)

        result, error = None, None
        try:
            with generators_kept():
                result = recording.run(asked)
        except Exception as raised:  # shown as the band of its line, and kept as `error`
            error = raised
        finally:
            touched.update(recording.written)
            snapshot.restore(recording.written)
        return recording, result, error

    try:
        recording, result, error = attempt(True)
        if error is not None and recording.functions:  # perhaps it works only in a graph
            recording, result, error = attempt(False)
        loss = None if error is not None else check_loss(result)
        ask = recording.own_ask(recording.tapes[0], loss, names)
        ask.error, ask.from_owner = error, owner is not None
        built = build(recording, ask=recording.asks.index(ask), names=names, error=error)
    finally:
        snapshot.restore(touched)
        progress.close()
    built.result = result
    built.title = f"line gradients of {getattr(fn, '__name__', type(fn).__name__)}"
    if cut and error is None and any(s.kind in ("none", "zero", "nan", "inf") for s in built.sources):
        from gradlab.doctor import explain

        try:
            built.mark_cuts(explain(fn, sources, watch=watch, level="quick").rows)
        except Exception as refused:  # said in words: the picture stands without the mark
            built.notes.append(f"no cut is marked: the doctor failed ({type(refused).__name__}: {refused})")
    return built.chosen(source)


def of_scenario(scenario: str | Scenario, bug: bool, device: str | None = None, **knobs: Any) -> LineGradients:
    """The line gradients of one position of a scenario's switch, at these knobs (the others at their defaults).

    No cut is marked: give `.mark_cuts` what `gradlab.lab.blamed_line.find` found. An exception of the scenario is a band on its line,
    and `.error`.
    """
    return scenario_ran(as_scenario(scenario), bug, device, knobs).lines()


def scenario_ran(
    scenario: Scenario, bug: bool, device: str | None, knobs: Mapping[str, Any], made: dict[str, Any] | None = None
) -> Ran:
    """One position of a scenario's switch, recorded, at these knobs (the others at their defaults). `made`: what `setup` gave
    another position, where that is as it was: see `Ran.untouched`."""
    with tf.device(check_device(device or tf_loading.device())), generators_kept():
        things = scenario.setup(**knobs) if made is None else made
        with hearing() as heard:
            found = ran(lambda: scenario.run(bug, **things))
    found.things = things
    found.device = check_device(device or tf_loading.device())
    found.title = f"{scenario.title}: {scenario.switch[bool(bug)]}"
    found.take = lambda: taken_of(scenario, found.result, things, heard)
    return found


def of_program(program: Callable[[], Any]) -> LineGradients:
    """The line gradients of a function without arguments that opens its own tapes, for the last question that it asks.

    Generators are put back; variables are as the program leaves them. An exception is a band on its line, and `.error`.
    """
    with generators_kept():
        return recorded(program)


@dataclass
class Ran:
    """A run that was recorded. `as_ever`: nothing ran otherwise than without the recording, and only once."""

    recording: Recording
    result: Any
    error: Exception | None
    as_ever: bool
    title: str = ""
    device: str | None = None
    take: Callable[[], Taken] | None = field(default=None, repr=False)
    things: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def untouched(self) -> bool:
        """Whether the run left what it was given as it was, as far as ops can tell: none wrote to a variable, made one, or drew
        a random number. Attributes of Python are not looked at."""
        of, types = self.recording, {op.type for op in self.recording.stretch.ops}
        known = self.as_ever and not (of.forgot or of.stretch.truncated or of.written)
        return known and all(kind in READS or not stateful(kind) for kind in types)

    def lines(self) -> LineGradients:
        """The line gradients of the last question."""
        with tf.device(self.device) if self.device else nullcontext(), generators_kept():
            found = build(self.recording, names=_given(self.result), error=self.error)
        found.result = self.result
        found.title = self.title or found.title
        return found

    def taken(self) -> Taken | None:
        """What a run of a scenario returned, where it is that of a run that nobody recorded; else None. Raises as `taken_of`."""
        return self.take() if self.take is not None and self.as_ever else None


def recorded(function: Callable[[], Any]) -> LineGradients:
    """Run code that opens its own tapes, and build the line gradients of its last question."""
    return ran(function).lines()


def ran(function: Callable[[], Any]) -> Ran:
    """Run code that opens its own tapes, recorded."""
    recording, result, error = _attempt(function)
    as_ever = error is None and not recording.functions
    if error is not None and recording.functions:
        recording, result, error = _attempt(function, eager_functions=False)
    if recording.py_functions and recording.asks and error is None and not recording.asks[-1].own:
        # An eager py_function can be differentiated once, and the learner's tape has done so: run again up to there.
        again, as_ever = Recording(only_ask=recording.asked_count - 1), False
        first = recording.asks[-1]
        try:
            again.run(function)
        except Stop:
            again.asks[-1].result = first.result
            recording = again
    return Ran(recording, result, error, as_ever)


def _attempt(function: Callable[[], Any], **options: Any) -> tuple[Recording, Any, Exception | None]:
    recording = Recording(**options)
    try:
        return recording, recording.run(function), None
    except Exception as error:  # shown as the band of its line, and kept as `error`
        return recording, None, error


def _given(result: Any) -> dict[str, Any] | None:
    """The sources that a scenario's `run` returned."""
    if isinstance(result, tuple) and len(result) >= 3 and isinstance(result[1], dict):
        return result[1]
    return None
