"""The steps of a training: the calls of one line counted, and the first one with a bad gradient kept.

A line that asks a tape in a loop gives one call for each step. When a NaN is noticed, its cause is long gone: by then the
weights are NaN as well. So each call's gradients are looked at once, when it ends. The record of a call is dropped with
the next one unless some gradient has just become None, zero, NaN or infinite; then it is kept until that gradient is
well again. What is kept is bounded: one record for each change of a training, few trainings for each line.

Calls of one line that ask for other variables are another training: a helper that trains two models keeps both apart.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.frames import is_user_file
from gradlab.doctor.recording.recorded_run import kind_of, values_of
from gradlab.doctor.recording.sources import unwrap
from gradlab.doctor.recording.tape_calls import leaves
from gradlab.doctor.recording.tf_internals import EagerTensor, key

LINES = 8  # lines of a thread that are followed: the tapes of one step are about as many
TRAININGS = 4  # trainings of a line that are told apart: a comparison of a few models
Frame = tuple[str, int, dict[str, Any]]  # file, line, names with a whole number or a text
OK, THERE = "ok", "there"  # THERE: in a graph that is being traced nothing is known of the values
LOSS_NOT_FINITE = "loss not finite"  # every gradient is there all the same


def statuses(result: Any, target: Any = None) -> list[str]:
    """none, zero, not finite, ok or there for each gradient in what a call gave; loss not finite in place of ok where the
    target is NaN or infinite: the slope of an op can be finite where its value is not."""
    with tf_internals.recording_to(None):
        told = [_status(g) for g in leaves(result)]
        if OK in told and any(_status(t) == "not finite" for t in leaves(target) if isinstance(t, EagerTensor)):
            told = [LOSS_NOT_FINITE if status == OK else status for status in told]
        return told


def _status(gradient: Any) -> str:
    if gradient is not None and not isinstance(values_of(gradient), EagerTensor):
        return THERE
    kind = kind_of(gradient)
    return "not finite" if kind in ("nan", "inf") else kind  # an infinity that turns into NaN is one story


@dataclass
class Since:
    """The first call of a row of calls in which one gradient has been bad in the same way."""

    status: str
    number: int  # of the call in its training, from 1
    call: Any  # the finished call
    frames: list[Frame]  # file, line and plain numbers and texts of the learner's frames
    report: dict[int, Any] | None = None  # rows of that call, once they are made, by the number of the source


@dataclass
class Training:
    """The calls of one line that ask for the same variables."""

    variables: set[int]
    calls: int = 0
    since: dict[int, Since] = field(default_factory=dict)  # number of a source -> how long it has been bad
    past: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # what is over: status, first and last call
    traced: Any = None  # the newest call that was made while a graph was traced


@dataclass
class Step:
    """A finished call as a step of its training, as things were when it ended."""

    line: Line
    training: Training
    number: int
    sources: int
    since: dict[int, Since]
    past: dict[int, tuple[str, int, int]]


@dataclass
class Line:
    """The trainings that one line has taken part in, the newest last."""

    trainings: list[Training] = field(default_factory=list)

    def training(self, variables: set[int]) -> Training:
        for known in reversed(self.trainings):
            if known.variables & variables or not variables or not known.variables:
                # Without variables (a tensor took a variable's place, say) it is the newest one that goes on.
                self.trainings.remove(known)
                self.trainings.append(known)
                known.variables |= variables
                return known
        made = Training(variables)
        self.trainings.append(made)
        if len(self.trainings) > TRAININGS:  # a healthy one goes first: nothing can be told of it
            healthy = next((t for t in self.trainings[:-1] if not t.since), self.trainings[0])
            self.trainings.remove(healthy)
        return made


class Lines:
    """The lines of one thread that ask for gradients, the newest last."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], Line] = {}

    def take(self, found: Any, sources: list[Any], result: Any) -> Step | None:
        """A call has ended: count it, and keep it if a gradient has just become bad."""
        where = found.call.where
        if not where:
            return None
        site = (where[0].file, where[0].line)
        line = self.lines.pop(site, None) or Line()
        self.lines[site] = line
        if len(self.lines) > LINES:
            self.lines.pop(next(iter(self.lines)))
        training = line.training({k for k in map(_identity, sources) if k})
        training.calls += 1
        number, seen = training.calls, None
        told = statuses(result, found.call.target if found.call.what == "gradient" else None)
        training.traced = found if THERE in told else None
        for i, status in enumerate(told):
            known = training.since.get(i)
            if known is not None and known.status == status:
                continue
            if known is not None:
                training.past[i] = (known.status, known.number, number - 1)
                del training.since[i]
            if status not in (OK, THERE):
                seen = seen if seen is not None else plain_values()
                training.since[i] = Since(status, number, found, seen)
        return Step(line, training, number, len(told), dict(training.since), dict(training.past))


def _identity(source: Any) -> int:
    """The number of a variable's handle; 0 for anything else."""
    variable = unwrap(source)
    handle = getattr(variable, "handle", None) if isinstance(variable, tf.Variable) else None
    return key(handle) if isinstance(handle, EagerTensor) else 0


def plain_values() -> list[Frame]:
    """The learner's frames, innermost first, with what is a whole number or a text in them: counters of loops."""
    found = []
    frame = sys._getframe(1)
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            plain = {n: v for n, v in frame.f_locals.items() if type(v) in (int, str) and not n.startswith("_")}
            found.append((frame.f_code.co_filename, frame.f_lineno, plain))
        frame = frame.f_back  # type: ignore[assignment]
    return found
