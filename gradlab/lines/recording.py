"""One recorded run for line gradients: ops with their visits, the learner's tapes each with a mirror, and their questions.

A mirror is a persistent tape that is entered, left, paused and reset together with the learner's tape, and watches every
float that is made meanwhile. It answers what that tape would answer; the learner's own tape is never touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import tensorflow as tf

from gradlab.lines import hooks
from gradlab.lines.doctor_parts import (
    FLOATS,
    READS,
    Eager,
    code_of,
    is_user_file,
    key,
    number_of,
    ops_heard,
    uid,
    watch_values,
)
from gradlab.lines.recorded import Ask, Op, Stretch, TapeSeen
from gradlab.lines.trackers import tracker
from gradlab.lines.visits import Tracker

# Ops of one stretch of a run. Each holds its outputs alive; the doctor's recorder has the same limit.
MAX_OPS = 100_000
# Ops after which a new stretch begins at the next tape, so that a training loop does not grow without bound.
ROLL = 2_000
SITES = 5  # lines that asked a tape whose last question is kept, as in the doctor
SITE_ASKS = 64  # questions of one line that are kept together: one for every step of a sequence of a lesson


class Stop(BaseException):
    """Ends a second run at the question that is to be answered."""


class Recording(hooks.Listener):
    """Records what is run by `run`."""

    def __init__(
        self,
        *,
        eager_functions: bool = True,
        only_ask: int | None = None,
        rule: type[Tracker] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        number = uid()
        self.tracker = rule(is_user_file, number) if rule is not None else tracker(is_user_file, number)
        self.eager_functions, self.only_ask, self.progress = eager_functions, only_ask, progress
        self.stretch = Stretch()
        self.tapes: list[TapeSeen] = []
        self.asks: list[Ask] = []
        self.active: tuple[int, ...] = ()
        self.functions = 0  # tf.functions that ran eagerly
        self.graphs = 0  # tf.functions that ran as graphs
        self.forward_mode = 0
        self.py_functions = False
        self.written: set[int] = set()  # handles of variables that an op may have written to
        self.last_function: tuple[Any, Any, Any] | None = None
        self._by_tape: dict[int, tuple[Any, TapeSeen]] = {}
        self._asking = self._busy = False
        self._first = number() if number is not None else 0
        self._spans: list[tuple[int, int]] = []
        self.asked_count = 0
        self.forgot = False  # ops of an earlier stretch are not known any more

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self, function: Callable[[], Any]) -> Any:
        """Run it, recorded. Its exception passes through; nothing is hooked any more after this."""
        with ExitStack() as stack:
            stack.enter_context(hooks.heard(self))
            stack.enter_context(ops_heard(self._on_op))
            stack.callback(self._ended)
            stack.callback(self.tracker.stop)
            self.tracker.start(sys._getframe())
            return function()

    def _ended(self) -> None:
        for number in self.active:
            self._leave(self.tapes[number])

    def own_tape(self, watch: list[Any]) -> TapeSeen:
        """A tape of ours that records from now on, watching these."""
        seen = self._tape(persistent=True, watches_variables=True)
        self._enter(seen)
        if watch:
            hooks.plain("watch")(seen.mirror, watch)
            seen.watched(watch)
        return seen

    def close(self, seen: TapeSeen) -> None:
        """End the recording of a tape of ours."""
        if seen.recording:
            self._leave(seen)

    def own_ask(self, seen: TapeSeen, target: Any, sources: Any) -> Ask:
        """A question of ours, which is not asked yet."""
        ask = Ask("gradient", seen, target, sources, len(self.stretch.ops))
        ask.own = True
        self.asks.append(ask)
        return ask

    # --- ops ----------------------------------------------------------------------------------------------------------

    def _on_op(  # noqa: C901 (runs after each op: calls would cost more than these branches)
        self, op_type: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None
    ) -> None:
        if graph is not None or self._busy:
            return
        active = self.active
        if self._asking and not active:
            return
        stretch = self.stretch
        ops = stretch.ops
        if len(ops) >= MAX_OPS:
            stretch.truncated = True
            return
        kind = op_type.decode() if isinstance(op_type, bytes) else op_type
        op = Op(
            len(ops),
            kind,
            tuple([number_of(t) for t in inputs]),
            tuple([number_of(t) for t in outputs]),
            attrs,
            self.tracker.current(),
            active,
        )
        ops.append(op)
        tensors, producer = stretch.tensors, stretch.producer
        late: list[Any] = []
        for k, t in zip(op.ins, inputs, strict=True):
            if k not in producer:
                tensors[k] = t
                if k >= self._first and k not in stretch.hosts and t.dtype in FLOATS:
                    # A gradient that a tape gave is no value of a line: no op of the window made it.
                    stretch.hosts[k] = None if k in stretch.given else self.tracker.made_at(k)
                    late.append((k, t))
                elif active and k in stretch.hosts:
                    late.append((k, t))
            elif producer[k].type == "StopGradient" and t.dtype in FLOATS:
                late.append((k, t))  # its op runs where no tape records, so that it could not be watched there
        for k, t in zip(op.outs, outputs, strict=True):
            tensors[k] = t
            producer[k] = op
        if kind == "EagerPyFunc":
            self.py_functions = True
        elif inputs and inputs[0].dtype == tf.resource and kind not in READS:
            self.written.update(k for k, t in zip(op.ins, inputs, strict=True) if t.dtype == tf.resource)
        if not active:
            return
        floats = [t for t in outputs if t.dtype in FLOATS]
        if floats or late:
            for number in active:
                seen = self.tapes[number]
                fresh = [(k, t) for k, t in late if k not in seen.late]
                for k, _ in fresh:
                    seen.late[k] = op
                if floats or fresh:
                    watch_values(seen.mirror, [*floats, *(t for _, t in fresh)])
        if self.progress is not None and op.index % 500 == 0:
            self.progress(op.index)

    # --- tapes --------------------------------------------------------------------------------------------------------

    def _tape(self, persistent: bool, watches_variables: bool) -> TapeSeen:
        if len(self.stretch.ops) > ROLL and not self.active:
            self._roll()
        mirror = tf.GradientTape.__new__(tf.GradientTape)
        hooks.plain("__init__")(mirror, persistent=True, watch_accessed_variables=watches_variables)
        seen = TapeSeen(len(self.tapes), persistent, mirror, self.stretch)
        self.tapes.append(seen)
        return seen

    def _roll(self) -> None:
        """Begin a new stretch. What no kept question is about is forgotten."""
        self.forgot = True
        self.stretch = Stretch()
        self._spans = []
        self._by_tape = {i: (tape, seen) for i, (tape, seen) in self._by_tape.items() if seen.persistent}
        kept = {id(a.tape) for a in self.asks}
        for seen in self.tapes:
            if id(seen) not in kept and not (seen.persistent and any(s is seen for _, s in self._by_tape.values())):
                seen.mirror, seen.late, seen.stretch = None, {}, self.stretch

    def _enter(self, seen: TapeSeen) -> None:
        hooks.plain("__enter__")(seen.mirror)
        seen.recording = True
        self._now((*self.active, seen.number))
        if seen.entered is None or seen.stretch is not self.stretch:
            seen.entered, seen.stretch = len(self.stretch.ops), self.stretch

    def _leave(self, seen: TapeSeen) -> None:
        seen.recording = False
        self._now(tuple(n for n in self.active if n != seen.number))
        hooks.plain("__exit__")(seen.mirror, None, None, None)

    def _now(self, active: tuple[int, ...]) -> None:
        self.active = self.tracker.active = active

    def _seen(self, tape: Any) -> TapeSeen | None:
        found = self._by_tape.get(id(tape))
        return found[1] if found is not None and found[0] is tape and found[1].mirror is not None else None

    def opened(self, tape: Any, persistent: bool, watches_variables: bool) -> None:
        self._by_tape[id(tape)] = tape, self._tape(persistent, watches_variables)

    def entered(self, tape: Any) -> None:
        seen = self._seen(tape)
        if seen is not None and not seen.recording:
            seen.withs.append(_place())
            self._enter(seen)

    def exited(self, tape: Any) -> None:
        seen = self._seen(tape)
        if seen is not None and seen.recording:
            self._leave(seen)

    def watches(self, tape: Any, tensors: Any) -> None:
        seen = self._seen(tape)
        if seen is not None and seen.recording:
            hooks.plain("watch")(seen.mirror, tensors)
            seen.watched(tensors)

    def paused(self, tape: Any) -> None:
        seen = self._seen(tape)
        if seen is not None and seen.recording:
            seen.holes.append(_place())
            self._leave(seen)

    def resumed(self, tape: Any) -> None:
        seen = self._seen(tape)
        if seen is not None and not seen.recording:
            self._enter(seen)

    def resets(self, tape: Any) -> None:
        seen = self._seen(tape)
        if seen is not None:
            hooks.plain("reset")(seen.mirror)

    def asked(self, what: str, tape: Any, plain: Callable[..., Any], target: Any, sources: Any, kwargs: Any) -> Any:
        seen = self._seen(tape)
        if seen is None or self._asking:
            return plain(target, sources, **kwargs)
        stretch = seen.stretch
        ask = Ask(what, seen, target, sources, len(stretch.ops), kwargs.get("output_gradients"))
        ask.visit = self.tracker.current()
        ask.frames = _frames()
        ask.in_function = _inside_function()
        if ask.frames:
            ask.file, ask.line = ask.frames[0][0].co_filename, ask.frames[0][1]
        ask.start = max([end for _, end in self._spans if seen.entered is not None and end <= seen.entered], default=0)
        self.asked_count += 1
        self._keep(ask)
        if self.only_ask is not None and self.asked_count > self.only_ask:
            raise Stop
        self._asking = True
        try:
            # A graph may have been made before, with a custom gradient in it that nobody has heard of.
            aside = self.tracker.own_gradients or self.graphs or self.py_functions
            with nullcontext() if aside else self.tracker.paused():
                ask.result = plain(target, sources, **kwargs)
        except Exception as error:
            ask.error = error
            raise
        finally:
            self._asking = False
            ask.end = len(stretch.ops)
            if stretch is self.stretch:
                self._spans.append((ask.at, ask.end))
            for leaf in tf.nest.flatten(ask.result, expand_composites=True):
                if isinstance(leaf, Eager):
                    stretch.given.add(key(leaf))
            ask.spans = list(self._spans)
        return ask.result

    def _keep(self, ask: Ask) -> None:
        """Keep the last questions of the last few lines that asked."""
        self.asks.append(ask)
        mine = [a for a in self.asks if (a.file, a.line) == (ask.file, ask.line)]
        for old in mine:
            if old.tape is not ask.tape or (len(mine) > SITE_ASKS and old is mine[0]):
                self.asks.remove(old)
        sites: list[tuple[str, int]] = []
        for a in reversed(self.asks):
            if (a.file, a.line) not in sites:
                sites.append((a.file, a.line))
        self.asks = [a for a in self.asks if (a.file, a.line) in sites[:SITES]]

    # --- functions ----------------------------------------------------------------------------------------------------

    def calls(self, function: Any, args: Any, kwargs: Any) -> bool:
        code = code_of(function)
        if code is None or f"{os.sep}tensorflow{os.sep}python" in code.co_filename:
            return False  # TensorFlow's own (the vectorised loop of jacobian) need their graph
        if not self.eager_functions or _asks_in_graph(code):
            self.graphs += 1
            return False
        self.functions += 1
        return True

    def accumulates(self) -> None:
        self.forward_mode += 1


def _asks_in_graph(code: Any, depth: int = 3) -> bool:
    """Does it call tf.gradients, which works in a graph only?"""
    if "gradients" in code.co_names:
        return True
    return depth > 0 and any(_asks_in_graph(c, depth - 1) for c in code.co_consts if hasattr(c, "co_names"))


def _inside_function() -> bool:
    """Does a hook (ours or the doctor's) run the Python function of a tf.function around this place?"""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "hooked" and "python_function" in frame.f_code.co_names:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _place() -> tuple[str, int]:
    frames = _frames(1)
    return (frames[0][0].co_filename, frames[0][1]) if frames else ("", 0)


def _frames(most: int = 6) -> list[Any]:
    """(code, line, names) of the learner's frames from the innermost on, as far as the recorded run goes."""
    found: list[Any] = []
    frame = sys._getframe(2)
    while frame is not None and frame.f_code is not Recording.run.__code__ and len(found) < most:
        if is_user_file(frame.f_code.co_filename):
            found.append((frame.f_code, frame.f_lineno, frame))
        frame = frame.f_back  # type: ignore[assignment]
    return [(code, line, dict(at.f_locals) if most > 1 else {}) for code, line, at in found]
