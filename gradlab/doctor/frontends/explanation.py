"""One explanation, from the recorded run to the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.dataflow import flow
from gradlab.doctor.analysis.finite_differences import Probe, Spent
from gradlab.doctor.analysis.gradient_check import GradientCheck
from gradlab.doctor.frontends.progress import Progress
from gradlab.doctor.recording import hooks, tf_internals
from gradlab.doctor.recording.backends import available, generator_note, recorder, why_not
from gradlab.doctor.recording.frames import traceback_places
from gradlab.doctor.recording.record import Record
from gradlab.doctor.recording.recorded_run import Run, run_recorded
from gradlab.doctor.recording.snapshot import Snapshot, refused_note, written
from gradlab.doctor.recording.sources import Eager, Source, unwrap
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.report.diagnosis import Diagnosis
from gradlab.doctor.report.report import Report
from gradlab.doctor.report.status import norm_of, status_of
from gradlab.doctor.rules import Case, Kind, diagnose, variable_list
from gradlab.doctor.rules.wrong_gradient import contradicted
from gradlab.doctor.source_code import owners
from gradlab.doctor.source_code.scope import UserScope


def check_loss(result: Any) -> Any:
    """The loss as a scalar eager tensor. TypeError or ValueError names what was returned instead."""
    value = unwrap(result)
    if isinstance(value, (tf.Variable, Eager)):
        if value.shape.num_elements() != 1:
            raise ValueError(
                f"the loss function returned a {value.dtype.name} tensor of shape {tuple(value.shape)}; "
                f"expected a scalar: "
                "reduce it first (tf.reduce_mean, tf.reduce_sum)"
            )
        return value
    if isinstance(value, tf.Tensor):
        raise ValueError(f"the loss function returned {value!r}, a tensor of another graph; expected an eager tensor")
    if value is None:
        raise TypeError("the loss function returned None; it must return the loss tensor (is a return missing?)")
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    hint = (
        " (a number that has left TensorFlow has no gradient)"
        if isinstance(value, (float, int, np.generic, np.ndarray))
        else ""
    )
    raise TypeError(
        f"the loss function returned a {kind}, not a tensor{hint}; expected a scalar tensor computed by TensorFlow"
    )


QUICK = 1.0  # seconds of a run up to which each source is moved by itself
ALONE = 10  # sources up to which each is asked for in a run of its own when asking for all raises

# Library files on whose behalf an exception counts as a refusal of the gradient machinery.
_GRADIENT_FILES = ("backprop.py", "custom_gradient.py", "gradients_impl.py", "gradients_util.py", "forwardprop.py")


@dataclass
class PlainRun:
    """The function under a plain tape: what the user's own program gets."""

    quick: bool  # a run is cheap enough to move every source by itself
    loss: float
    gradients: list[Any] = field(default_factory=list)  # one for each source
    errors: dict[int, BaseException] = field(default_factory=dict)  # number of a source -> what asking for it raised
    watched: list[tuple[Any, Any]] = field(default_factory=list)  # variables that the tape watched, with gradients


class Refused(Exception):
    """The gradient machinery refused inside the user's function (its cause is the original exception)."""


class Explanation:
    """One call of explain, from the recorded run to the report."""

    def __init__(
        self,
        fn: Callable[[], Any],
        sources: list[Source],
        watch: list[Any],
        owner: Any,
        level: str,
        where: UserScope,
        members: dict[str, Any] | None = None,
    ) -> None:
        self.fn, self.sources, self.watch, self.owner, self.level, self.scope = (
            fn,
            sources,
            watch,
            owner,
            level,
            where,
        )
        self.progress = Progress()
        self.key = recorder().key
        self.snapshot = Snapshot(self.key)
        self.before = variable_list.state(owner)
        # Layers inside the list of sources: (name, the layer, its state before the run).
        self.members = [(n, m, variable_list.state(m)) for n, m in (members or {}).items()]
        self.touched: set[int] = set()
        self.refused: list[str] = []  # names of variables that could not be put back
        self.notes: list[str] = []
        self.trace: Trace | None = None
        self.run_seconds = 0.0  # of the plain run

    def reset(self) -> None:
        self.refused += self.snapshot.restore(self.touched)

    def report(self) -> Report:
        started = time.monotonic()
        try:
            made = self._rows()
        finally:
            self.progress.step("putting variables back")
            self.reset()
            self.progress.close()
        trace = self.trace
        if trace is not None and trace.truncated:
            self.notes.append(
                f"only the first {len(trace.ops)} ops were recorded; explain a smaller problem (fewer steps) "
                f"to see the rest"
            )
        seconds, ops = time.monotonic() - started, len(trace.ops) if trace else 0
        self.notes += [*generator_note(), *refused_note(self.refused)]
        return Report(made, self.notes, recorder().name, seconds, ops, run_seconds=self.run_seconds)

    # --- the runs -----------------------------------------------------------------------------------------------------

    def _observed(self, function: Callable[[], Any]) -> Any:
        """Run something of the learner's as it is, and learn what it writes, also if it is interrupted."""
        if not available():
            try:
                return function()
            finally:
                self.touched |= self.snapshot.changed()
        record = Record("explain")
        hooks.acquire()
        try:
            with tf_internals.recording_to(record):
                return function()
        finally:
            record.spots.release()
            hooks.release()
            self.touched |= record.handles()

    def _recorded(self, only: set[int] | None = None, eager: bool = True) -> tuple[Trace, Any]:
        try:
            trace, result = run_recorded(
                self.fn, self.sources, eager_functions=eager, only=only, progress=self.progress.ops
            )
        except BaseException as error:  # Ctrl-C and sys.exit as well: what the run changed is put back
            trace = getattr(error, "gradlab_trace", None) or Trace()
            self.touched |= written(trace)
            self.reset()
            raise
        self.touched |= written(trace)
        self.reset()
        return trace, result

    def _run(self) -> Run:
        """The recorded run with its table of gradients."""
        try:
            trace, result = self._recorded()
        except Exception as error:
            failed = getattr(error, "gradlab_trace", None)
            if failed is None or not failed.functions:
                raise self._failed(error) from error
            # Something that works only in a graph: record with its functions as single ops.
            try:
                trace, result = self._recorded(eager=False)
            except Exception as again:
                raise self._failed(again) from again
            self.notes.append(
                f"a tf.function could not be run eagerly ({type(error).__name__}), so lines inside it are not seen"
            )
        run = self._table(trace, check_loss(result))
        if run.error is not None:
            wanted: set[int] = set()
            for s in self.sources:
                wanted |= set(flow(run, s).carriers)
            trace, result = self._recorded(only=wanted)
            again_run = self._table(trace, check_loss(result))
            if again_run.error is None:
                return again_run
        return run

    def _table(self, trace: Trace, loss: Any) -> Run:
        self.trace = trace
        run = Run(trace, [loss], self.key)
        run.differentiate(self.sources)
        return run

    def _failed(self, error: Exception) -> Exception:
        """What to raise for an exception of the user's function."""
        names = [f.f_code.co_filename for f, _ in _walk(error)]
        tape = any(n.endswith(_GRADIENT_FILES) and "tensorflow" in n for n in names)
        if tape or "IndexedSlices" in str(error):
            refused = Refused(str(error))
            refused.__cause__ = error
            return refused
        spots = traceback_places(error)
        at = f" at {spots[0]} (`{spots[0].code}`)" if spots else ""
        return RuntimeError(f"the loss function failed{at}: {type(error).__name__}: {error}")

    def _plain(self) -> PlainRun:
        """Gradients of a plain tape, per source; where the joint call raises, each source on its own."""
        values = [s.value for s in self.sources]
        self.progress.step("plain tape")
        started = time.monotonic()
        try:
            with tf.GradientTape() as tape:
                self._watch(tape)
                result = self._observed(self.fn)
        except Exception as error:
            raise self._failed(error) from error
        finally:
            self.reset()
        loss = check_loss(result)
        self.run_seconds = time.monotonic() - started
        plain = PlainRun(
            quick=self.run_seconds < QUICK,
            loss=float(np.real(np.asarray(loss).reshape(-1)[0])) if loss.dtype != tf.string else 0.0,
        )
        asked = self.owner is not None or self.members
        variables = [unwrap(v) for v in tape.watched_variables()] if asked else []
        try:
            found = tape.gradient(loss, [*values, *variables])
            plain.gradients = found[: len(values)]
            plain.watched = list(zip(variables, found[len(values) :], strict=True))
        except Exception as joint:
            for i, v in enumerate(values):
                # An eager py_function can be differentiated once, so each source gets a run of its own.
                if i == 0 or len(values) <= ALONE:
                    self.reset()
                    with tf.GradientTape(persistent=len(values) > ALONE) as tape:
                        self._watch(tape)
                        loss = unwrap(self.fn())
                try:
                    plain.gradients.append(tape.gradient(loss, v))
                except Exception as error:  # the status of this source; its row tells of it
                    plain.errors[i] = error
                    plain.gradients.append(None)
            if not plain.errors:
                plain.errors = dict.fromkeys(range(len(values)), joint)
        finally:
            self.reset()
        return plain

    def _watch(self, tape: tf.GradientTape) -> None:
        for t in self.watch:
            tape.watch(t)

    # --- the cases ----------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Diagnosis]:
        # The plain run comes first: a function that caches would give it the recorded run's values, without gradients.
        try:
            plain = self._plain()
            if not available():
                self.notes.append(why_not())
                return [
                    Diagnosis(s.name, Kind.RAISES if i in plain.errors else status_of(plain.gradients[i]))
                    for i, s in enumerate(self.sources)
                ]
            self.progress.step("recorded run")
            started = time.monotonic()
            run = self._run()
            plain.quick = plain.quick or time.monotonic() - started < QUICK
        except Refused as refused:
            error = refused.__cause__ or refused
            where = traceback_places(error)
            return [
                diagnose(Case(s.name, Kind.RAISES, self.scope, source=s, error=error, raised_at=where))
                for s in self.sources
            ]
        probe = Probe(self.fn, self.reset, plain.loss, progress=self.progress.step)
        check = GradientCheck(self.fn, run, probe, self.reset) if self.level == "full" else None
        cases = [self._case(i, run, check, plain) for i in range(len(self.sources))]
        self.progress.step("comparing with finite differences")
        try:
            wrong = contradicted([c for c in cases if c.status is Kind.OK], plain.quick)
        except Spent as limit:
            wrong = []
            self.notes.append(f"not every gradient was compared with finite differences: {limit}")
        changed = {c.name: c for c in wrong}
        made: list[Diagnosis] = []
        for case in cases:
            self.progress.step(f"explaining {case.name}")
            made.append(self._diagnosed(changed.get(case.name, case)))
        if self.owner is not None:
            listing = variable_list.VariableList(
                self.owner, self.before, self.scope, run, self.snapshot, self.sources, plain.watched
            )
            made += [diagnose(case) for case in variable_list.cases(listing)]
        late = [part for _, _, before in self.members for part in before.unbuilt]  # one sentence names them all
        for name, member, before in self.members:
            if member is not self.owner:
                listing = variable_list.VariableList(
                    member, before, self.scope, run, self.snapshot, self.sources, plain.watched
                )
                made += [
                    diagnose(case) for case in variable_list.of_member(name, replace(before, unbuilt=late), listing)
                ]
                self._still_unbuilt(name, member)
        return made

    def _still_unbuilt(self, name: str, member: Any) -> None:
        """Note the layers that nothing can be said of, since the loss did not call them either."""
        late = [str(getattr(part, "name", name)) for part in owners.without_weights(member)]
        if late:
            self.notes.append(
                f"not looked at: {', '.join(late)} had no weights yet, and the loss did not call it; call it once or build it"
            )

    def _diagnosed(self, case: Case) -> Diagnosis:
        """The row of a case. A gradient that there is no time left to ask about stays as the tape gives it."""
        try:
            return diagnose(case)
        except Spent as limit:
            self.notes.append(f"not every gradient was compared with finite differences: {limit}")
            return Diagnosis(case.name, Kind.OK if case.status is Kind.WRONG else case.status, norm=case.norm)

    def _case(self, i: int, run: Run, check: GradientCheck | None, plain: PlainRun) -> Case:
        source, gradient = self.sources[i], plain.gradients[i]
        case = Case(source.name, Kind.RAISES, self.scope, source=source, given=source.given, run=run, check=check)
        case.watched = self.key(source.value) in {self.key(t) for t in self.watch}
        if i in plain.errors:
            return case.but(error=plain.errors[i], raised_at=traceback_places(plain.errors[i]))
        return case.but(status=status_of(gradient), gradient=gradient, norm=norm_of(gradient))


def _walk(error: BaseException) -> Iterator[tuple[Any, int]]:
    tb = error.__traceback__
    while tb is not None:
        yield tb.tb_frame, tb.tb_lineno
        tb = tb.tb_next
