"""Is what the tape says all there is? Answered by moving a source and running the learner's function again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradlab.doctor.analysis import cuts as locate
from gradlab.doctor.analysis import rerun_op
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.finite_differences import SCALES, Probe, Spent
from gradlab.doctor.recording.recorded_run import Run, run_recorded
from gradlab.doctor.recording.sources import Source, unwrap
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.report import path
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.rules import detached_op, incomplete, wrong_gradient
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.rules.left_tensorflow import changed_externals, exit_place

FEW, SMALL = 6, 300  # sources and ops up to which every source is moved by itself


_AGAIN = ((4e-3, 9), (2e-2, 10), (4e-3, 11))  # steps and seeds of further directions


class Doubt:
    """The evidence of re-runs beside one recorded run."""

    def __init__(
        self,
        fn: Callable[[], Any],
        run: Run,
        probe: Probe,
        reset: Callable[[], None],
        notes: list[str],
        quick: bool,
    ) -> None:
        self.fn, self.run, self.probe, self.reset, self.notes = fn, run, probe, reset, notes
        self.quick = quick  # a run is cheap enough to move every source by itself
        self.key, self.base = run.key, probe.base

    def evidence(self, source: Source, row: Row) -> None:
        """Add what moving the source does to the loss, where that says something the row does not say yet."""
        if row.cause != "unconnected" or not self.probe.can_move(source):
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

    def again(self, source: Source) -> tuple[Trace, float, float] | None:
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

    def contradictions(self, made: list[Row], healthy: list[int], sources: list[Source], gradients: list[Any]) -> None:
        """Turn ok into partial where a finite difference contradicts the tape and a cut explains it."""
        able = [i for i in healthy if self.probe.can_move(sources[i])]
        if not able:
            return
        try:
            if self.quick and len(able) <= FEW and len(self.run.trace.ops) <= SMALL:
                for i in able:  # alone, a small part that is missing is not lost in the sum over all sources
                    made[i] = self._contradicted(made[i], sources[i], gradients[i])
                return
            group, slopes = [sources[i] for i in able], [gradients[i] for i in able]
            suspect = any(incomplete.suspicions(self.run, s)[1] for s in group)
            if not any(
                self.probe.slope(group, slopes, seed=seed).contradicts for seed in ((7, 8) if suspect else (7,))
            ):
                return
            for i in able:
                made[i] = self._contradicted(made[i], sources[i], gradients[i])
        except Spent as limit:
            self.notes.append(f"not every gradient was compared with finite differences: {limit}")

    def _contradicted(self, row: Row, source: Source, gradient: Any) -> Row:
        """The row of an ok gradient, or one that says what the gradient misses."""
        for seed in (7, 8):
            slope = self.probe.slope([source], [gradient], seed=seed)
            if slope.contradicts:
                break
        else:
            return row
        measured = slope.measured
        sentence = (
            f"along one direction the tape says {slope.tape:.4g}, a finite difference {measured:.4g} "
            f"(step {slope.step:g})"
        )
        flow, cuts = incomplete.suspicions(self.run, source)
        flat = abs(measured) <= 0.02 * abs(slope.tape)
        if cuts and (flat or any(locate.straight_through(self.run, c) for c in cuts)):
            row.evidence = f"{sentence}: a substitute gradient on purpose (straight-through)"
            return row
        if cuts and not self.probe.steady():
            return row
        if cuts:
            return incomplete.partial_row(self.run, flow, source, cuts[0], None, sentence)
        if not self.probe.steady():
            return row
        custom = wrong_gradient.contradicted(self.run, flow)
        if custom is not None and custom.on_purpose:
            row.evidence = f"{sentence}: a substitute gradient on purpose (custom_gradient)"
            return row
        if custom is not None:
            found = Finding("custom-gradient", path.place_of(custom.op), custom.op.type)
            row = incomplete.partial_row(self.run, flow, source, None, found, f"{sentence}; {custom.detail}")
            row.fix = "mend the backward function: it must give the slope of what the forward function computes"
            return row
        again = self.again(source)
        if again is not None:
            entries, _ = changed_externals(self.run.trace, again[0], {self.key(source.value)} | set(self.run.reads))
            entries = [e for e in entries if e.op.index in flow.needed]
            if entries:
                place, how = exit_place(self.run, flow, entries[0].op)
                found = Finding(
                    "py-function" if how == "py_function" else "numpy-conversion", [place] if place else [], how
                )
                return incomplete.partial_row(self.run, flow, source, None, found, sentence)
        wrong = rerun_op.wrong_op(self.run, flow)
        if wrong is not None:
            op, detail = wrong
            found = Finding("wrong-op-gradient", path.place_of(op), op.type)
            return incomplete.partial_row(self.run, flow, source, None, found, f"{sentence}; {detail}")
        if self._sure(flow, source, gradient):
            return incomplete.partial_row(
                self.run, flow, source, None, None, f"{sentence}; what it misses was not found"
            )
        return row

    def _sure(self, flow: Flow, source: Source, gradient: Any) -> bool:
        """Without a reason to name: is the contradiction there along other directions and steps as well, with nothing
        on the way that jumps or is coarse?"""
        if any(detached_op.of_cut(self.run, flow, c) in incomplete.FLAT_LABELS for c in locate.cuts(self.run, flow)):
            return False
        if any(self.run.is_float(k) and self.run.value(k).dtype in detached_op.HALF for k in flow.tainted):
            return False
        again = [self.probe.slope([source], [gradient], eps, seed).contradicts for eps, seed in _AGAIN]
        return sum(again) >= 2
