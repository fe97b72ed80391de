"""`explain`: the status from a plain tape, the reason from a recorded run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor import locate, missing, opcheck, patches, rows
from gradlab.doctor.finding import Finding
from gradlab.doctor.flow import backward
from gradlab.doctor.frames import traceback_places, user_frame
from gradlab.doctor.host import changed_externals, exit_place
from gradlab.doctor.observe import Run, kind_of, run_recorded
from gradlab.doctor.origin import Scene, scene
from gradlab.doctor.probe import SCALES, Probe, Spent
from gradlab.doctor.progress import Progress
from gradlab.doctor.record import Trace
from gradlab.doctor.recorders import recorder
from gradlab.doctor.report import Report, Row
from gradlab.doctor.snapshot import Snapshot, written
from gradlab.doctor.sources import FLOATS, Eager, Source, collect, unwrap, watched

_busy = threading.local()


@contextmanager
def alone() -> Iterator[None]:
    """Refuse an explain inside an explain of the same thread."""
    if getattr(_busy, "on", False) or patches.listener() is not None:
        raise RuntimeError(
            "gradlab.explain was called while this thread is being explained or recorded already (inside the "
            "loss function, or under "
            "a gradlab.Tape that has not given its gradient yet): call it after that has finished"
        )
    _busy.on = True
    try:
        yield
    finally:
        _busy.on = False


def explain(
    fn: Callable[[], Any],
    sources: Any,
    *,
    watch: Any = (),
    owner: Any = None,
    level: str = "full",
) -> Report:
    """Say for each source whether a gradient flows from the loss, and if not, which line cut it, why, and what to do.

    Parameters
    ----------
    fn
        Zero-argument callable that computes and returns the scalar loss, as it would under a tape.
    sources
        What the gradient is asked for: a dict of names to variables or tensors, a list, a Keras layer or model, or a
        `tf.Module`.
    watch
        Names of sources, or tensors, that the learner's tape watches (`tape.watch`).
    owner
        The layer, model or module that the list came from, to explain a list that is empty or too short.
    level
        "full", or "quick": no re-runs for evidence (so no `partial`, and weaker words on conversions).

    Returns
    -------
    Report
        With one row for each source, and one for each variable that the loss depends on and the list lacks.

    Raises
    ------
    TypeError, ValueError, LookupError
        The arguments, or what `fn` returns, cannot be explained; the message names the thing. An exception of `fn`
        itself is
        raised again as RuntimeError that names the learner's line, with the original as its cause.

    Notes
    -----
    The status is that of a plain `tf.GradientTape` around `fn`. `fn` runs twice, and again for finite differences;
    variables and random
    generators are put back after each run. All intermediate values stay alive meanwhile, so memory is that of a
    forward pass.
    """
    if not callable(fn):
        raise TypeError(
            f"fn is a {type(fn).__name__}; expected a function without arguments that computes and returns the loss"
        )
    if level not in ("full", "quick"):
        raise ValueError(f"level is {level!r}; expected 'full' or 'quick'")
    caller = user_frame()
    with alone():
        found, owner = collect(sources, owner)
        listed = missing.listed(sources)
        return _Explanation(fn, found, watched(watch, found), owner, listed, level, scene(fn, caller)).report()


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


# Library files on whose behalf an exception counts as a refusal of the gradient machinery.
_GRADIENT_FILES = ("backprop.py", "custom_gradient.py", "gradients_impl.py", "gradients_util.py", "forwardprop.py")


class Refused(Exception):
    """The gradient machinery refused inside the learner's function (its cause is the original exception)."""


class _Explanation:
    """One call of explain, from the recorded run to the report."""

    def __init__(
        self,
        fn: Callable[[], Any],
        sources: list[Source],
        watch: list[Any],
        owner: Any,
        listed: bool,
        level: str,
        where: Scene,
    ) -> None:
        self.fn, self.sources, self.watch, self.owner, self.listed, self.level, self.scene = (
            fn,
            sources,
            watch,
            owner,
            listed,
            level,
            where,
        )
        self.progress = Progress()
        self.key = recorder().key
        self.snapshot = Snapshot(self.key)
        self.before = missing.state(owner)
        self.touched: set[int] = set()
        self.notes: list[str] = []
        self.trace: Trace | None = None

    def reset(self) -> None:
        self.snapshot.restore(self.touched)

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
        return Report(made, self.notes, recorder().name, time.monotonic() - started, len(trace.ops) if trace else 0)

    def run_needed(self) -> set[int]:
        """Indices of the ops the loss depends on."""
        return backward(self.run.trace, self.run.target_keys, self.run.reads)

    # --- the runs -----------------------------------------------------------------------------------------------------

    def _recorded(self, only: set[int] | None = None, eager: bool = True) -> tuple[Trace, Any]:
        try:
            trace, result = run_recorded(
                self.fn, self.sources, eager_functions=eager, only=only, progress=self.progress.ops
            )
        except Exception as error:
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
                wanted |= set(run.between(s).carriers)
            trace, result = self._recorded(only=wanted)
            again_run = self._table(trace, check_loss(result))
            if again_run.error is None:
                return again_run
        return run

    def _table(self, trace: Trace, loss: Any) -> Run:
        self.trace = trace
        run = Run(trace, [loss], self.key)
        run.differentiate(self.sources)
        handles = {self.key(s.value): s.value for s in self.sources if s.is_variable and s.dtype in FLOATS}
        for k in written(trace):
            variable = self.snapshot.variable(k)
            if variable is not None and variable.dtype in FLOATS:
                handles.setdefault(k, variable)
        for variable in map(unwrap, trace.tape.watched_variables()):
            if self.snapshot.variable(self.key(variable)) is None:  # made in the run
                handles.setdefault(self.key(variable), variable)
        run.resolve_reads(handles)
        return run

    def _failed(self, error: Exception) -> Exception:
        """What to raise for an exception of the learner's function."""
        names = [f.f_code.co_filename for f, _ in _walk(error)]
        tape = any(n.endswith(_GRADIENT_FILES) and "tensorflow" in n for n in names)
        if tape or "IndexedSlices" in str(error):
            refused = Refused(str(error))
            refused.__cause__ = error
            return refused
        spots = traceback_places(error)
        at = f" at {spots[0]} (`{spots[0].code}`)" if spots else ""
        return RuntimeError(f"the loss function failed{at}: {type(error).__name__}: {error}")

    def _plain(self) -> tuple[list[Any], dict[int, BaseException], Any]:
        """Gradients of a plain tape, per source; where the joint call raises, each source on its own."""
        values = [s.value for s in self.sources]
        self.progress.step("plain tape")
        with tf.GradientTape() as tape:
            for t in self.watch:
                tape.watch(t)
            loss = unwrap(self.fn())
        seen = {self.key(v) for v in map(unwrap, tape.watched_variables())}
        self.watched_variables = [v for v in map(unwrap, tape.watched_variables())]
        self.seen = seen
        self.base = float(np.real(np.asarray(loss).reshape(-1)[0])) if loss.dtype != tf.string else 0.0
        self.missing_gradients: list[Any] = []
        try:
            extra = self.watched_variables if self.owner is not None else []
            found = tape.gradient(loss, [*values, *extra])
            self.missing_gradients = found[len(values) :]
            return found[: len(values)], {}, loss
        except Exception as joint:
            self.reset()
            with tf.GradientTape(persistent=True) as tape:
                for t in self.watch:
                    tape.watch(t)
                loss = unwrap(self.fn())
            gradients: list[Any] = []
            errors: dict[int, BaseException] = {}
            for i, v in enumerate(values):
                try:
                    gradients.append(tape.gradient(loss, v))
                except Exception as error:  # recorded as this source's own status
                    errors[i] = error
                    gradients.append(None)
            if not errors:
                errors = dict.fromkeys(range(len(values)), joint)
            return gradients, errors, loss
        finally:
            self.reset()

    # --- the rows -----------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        self.progress.step("recorded run")
        try:
            run = self._run()
        except Refused as refused:
            error = refused.__cause__ or refused
            where = traceback_places(error)
            return [rows.raises_row(None, s, error, where) for s in self.sources]
        self.run = run
        gradients, errors, _ = self._plain()
        self.gradients = gradients
        self.probe = Probe(self.fn, self.reset, self.base, progress=self.progress.step)
        made: list[Row] = []
        healthy: list[int] = []
        watch_keys = {self.key(t) for t in self.watch}
        for i, s in enumerate(self.sources):
            self.progress.step(f"explaining {s.name}")
            if i in errors:
                made.append(rows.raises_row(run, s, errors[i], traceback_places(errors[i])))
                continue
            status = kind_of(gradients[i])
            if status == "none":
                made.append(
                    rows.none_row(
                        run,
                        s,
                        self.scene,
                        self._again if self.level == "full" else None,
                        self.key(s.value) in watch_keys,
                    )
                )
                self._evidence(s, made[-1])
            elif status == "zero":
                made.append(rows.zero_row(run, s, self.scene, self._again if self.level == "full" else None))
            elif status in ("nan", "inf"):
                made.append(rows.not_finite_row(run, s, status))
            else:
                healthy.append(i)
                made.append(rows.ok_row(run, s, gradients[i]))
        if self.level == "full" and healthy:
            self._contradictions(made, healthy)
        if self.owner is not None:
            made += missing.rows(self, made)
        return made

    def _evidence(self, source: Source, row: Row) -> None:
        """Add what moving the source does to the loss, where that says something the row does not say yet."""
        if self.level != "full" or row.cause not in ("unconnected",) or not self.probe.can_move(source):
            return
        try:
            moved = self.probe.moves_loss(source)
        except Spent as limit:
            row.evidence += f"; not checked by moving it ({limit})"
            return
        finally:
            self.reset()
        if moved is None:
            row.evidence += f"; moving it by up to {SCALES[-1]:g} changed nothing"
        else:
            row.evidence += (
                f"; but moving it by {moved[0]:g} changes the loss by {moved[1]:.3g}, in a way that was not recorded"
            )
            row.confidence = 0.4

    def _again(self, source: Source) -> tuple[Trace, float, float] | None:
        """A recorded run with the source moved by the first scale that changes the loss or a number on the way."""
        if not self.probe.can_move(source):
            return None
        rng = np.random.default_rng(11)
        direction = rng.choice([-1.0, 1.0], size=tuple(source.value.shape))
        best: tuple[Trace, float, float] | None = None
        handles = {self.key(source.value)}
        bare = any(self.run.from_host(k) for k in self.run.target_keys)
        for scale in SCALES:
            for sign in (1, -1):
                if self.probe.spent():
                    return best
                self.probe.runs += 1
                with self.probe.moved(source, sign * scale * direction):
                    try:
                        trace, result = run_recorded(self.fn, [], only=set())
                    finally:
                        self.reset()
                change = float(np.real(np.asarray(unwrap(result)).reshape(-1)[0])) - self.base
                entries, diverged = changed_externals(self.run.trace, trace, handles | set(self.run.reads))
                if best is None:
                    best = (trace, scale, 0.0)
                if (
                    change == change
                    and abs(change) > 1e-6 * max(abs(self.base), 1e-6)
                    and (entries or diverged or bare)
                ):
                    return (trace, scale, change) if self.probe.steady() else None
        return best

    def _contradictions(self, made: list[Row], healthy: list[int]) -> None:
        """Turn ok into partial where a finite difference contradicts the tape and a cut explains it."""
        able = [i for i in healthy if self.probe.can_move(self.sources[i])]
        if not able:
            return
        try:
            group, slopes = [self.sources[i] for i in able], [self.gradients[i] for i in able]
            suspect = any(rows.suspicions(self.run, s)[1] for s in group)
            if not any(
                self.probe.slope(group, slopes, seed=seed).contradicts for seed in ((7, 8) if suspect else (7,))
            ):
                return
            for i in able:
                self._contradiction(made, i)
        except Spent as limit:
            self.notes.append(f"not every gradient was compared with finite differences: {limit}")

    def _contradiction(self, made: list[Row], i: int) -> None:
        source = self.sources[i]
        for seed in (7, 8):
            slope = self.probe.slope([source], [self.gradients[i]], seed=seed)
            if slope.contradicts:
                break
        else:
            return
        measured = slope.measured
        sentence = (
            f"along one direction the tape says {slope.tape:.4g}, a finite difference {measured:.4g} "
            f"(step {slope.step:g})"
        )
        flow, cuts = rows.suspicions(self.run, source)
        flat = abs(measured) <= 0.02 * abs(slope.tape)
        if cuts and (flat or any(locate.straight_through(self.run, c) for c in cuts)):
            made[i].evidence = f"{sentence}: a substitute gradient on purpose (straight-through)"
            return
        if cuts and not self.probe.steady():
            return
        if cuts:
            made[i] = rows.partial_row(self.run, flow, source, cuts[0], None, sentence)
            return
        if not self.probe.steady():
            return
        again = self._again(source)
        if again is not None:
            entries, _ = changed_externals(self.run.trace, again[0], {self.key(source.value)} | set(self.run.reads))
            entries = [e for e in entries if e.op.index in flow.needed]
            if entries:
                place, how = exit_place(self.run, flow, entries[0].op)
                found = Finding(
                    "py-function" if how == "py_function" else "numpy-conversion", [place] if place else [], how
                )
                made[i] = rows.partial_row(self.run, flow, source, None, found, sentence)
                return
        wrong = opcheck.wrong_op(self.run, flow)
        if wrong is not None:
            op, detail = wrong
            found = Finding("wrong-op-gradient", rows.place_of(op), op.type)
            made[i] = rows.partial_row(self.run, flow, source, None, found, f"{sentence}; {detail}")


def _walk(error: BaseException) -> Iterator[tuple[Any, int]]:
    tb = error.__traceback__
    while tb is not None:
        yield tb.tb_frame, tb.tb_lineno
        tb = tb.tb_next
