"""What is kept of a tape and of each call on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import FrameType
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import autograph_lines
from gradlab.doctor.recording.frames import Place, code_of, is_user_file
from gradlab.doctor.recording.record import Record
from gradlab.doctor.recording.sources import COMPOSITES, is_owner
from gradlab.doctor.recording.trace import Trace


@dataclass
class TapeLog:
    """What one tape did. Places in time are positions in its record, in a `Call` numbers of ops."""

    token: int
    persistent: bool
    watches_variables: bool = True
    entered: int | None = None
    exited: int | None = None
    watched: dict[int, tuple[int, list[Place]]] = field(default_factory=dict)  # key -> (position, places)
    calls: int = 0
    reset: int | None = None  # position of the last reset
    record: Record | None = None  # of the thread in which it was entered last; None: nothing is recorded
    end: Any = None  # the finalizer of the tape

    def move(self, record: Record, start: int) -> None:
        """The record goes on in another one, which begins at its position `start`."""
        self.record = record
        self.entered, self.exited, self.reset = (
            None if n is None else max(n - start, 0) for n in (self.entered, self.exited, self.reset)
        )
        self.watched = {k: (max(n - start, 0), spots) for k, (n, spots) in self.watched.items()}


@dataclass
class Call:
    """One gradient, jacobian or batch_jacobian call (or another call on a tape that raised)."""

    what: str
    tape: TapeLog
    target: Any
    sources: Any
    result: Any
    error: BaseException | None
    where: list[Place]
    at: int
    trace: Trace
    earlier: Callable[[], Trace | None] | None
    names: dict[str, Any]
    functions: list[Any] = field(default_factory=list)  # the learner's functions that the caller can name
    held: list[Any] = field(default_factory=list)  # the frames of the call, if a gradient is an IndexedSlices
    frames: list[Around] = field(default_factory=list)  # the learner's frames around the call, innermost first
    own: dict[int, Any] = field(default_factory=dict)  # id of a source -> its variable in this replica

    @cached_property
    def history(self) -> Trace | None:
        """What is left of earlier tapes. Made when asked: a healthy gradient needs none of it."""
        return self.earlier() if self.earlier is not None else None


@dataclass
class Asked:
    """A call as it is remembered: everything that is gone later, and the record in place of a trace."""

    what: str
    log: TapeLog  # as it was at the time
    target: Any
    sources: Any
    result: Any
    error: BaseException | None
    where: list[Place]
    at: int
    record: Record | None
    names: dict[str, Any]
    functions: list[Any]
    held: list[Any] = field(default_factory=list)  # the frames of the call, if a gradient is an IndexedSlices
    frames: list[Around] = field(default_factory=list)
    own: dict[int, Any] = field(default_factory=dict)  # as in Call

    def call(self) -> Call:
        """The call with its trace. RuntimeError if nothing was recorded."""
        record, log = self.record, self.log
        if record is None:
            raise RuntimeError("this call was not recorded")

        def number(position: int | None) -> int | None:
            return None if position is None else record.number(position)

        tape = replace(
            log,
            entered=number(log.entered),
            exited=number(log.exited),
            reset=number(log.reset),
            watched={k: (record.number(n), spots) for k, (n, spots) in log.watched.items()},
        )
        return Call(
            self.what,
            tape,
            self.target,
            self.sources,
            self.result,
            self.error,
            self.where,
            record.number(self.at),
            record.trace(),
            record.history,
            self.names,
            self.functions,
            self.held,
            frames=self.frames,
            own=self.own,
        )


def leaves(result: Any) -> list[Any]:
    """The gradients in what a call gave, or the sources in what it got."""
    if isinstance(result, dict):
        return [x for v in result.values() for x in leaves(v)]
    if isinstance(result, (list, tuple)) and not isinstance(result, tf.IndexedSlices):
        return [x for v in result for x in leaves(v)]
    return [result]


def visible(frame: FrameType | None) -> dict[str, Any]:
    """What a frame can name: its own names, and the globals that its code mentions."""
    if frame is None:
        return {}
    seen = dict(frame.f_locals)
    if frame.f_code.co_name != "<module>":
        for n in frame.f_code.co_names:
            if n in frame.f_globals:
                seen.setdefault(n, frame.f_globals[n])
    return seen


Around = tuple[str, int, dict[str, Any], dict[str, Any]]


def frames_around() -> list[Around]:
    """The learner's frames around the caller, innermost first: file, line, what of the local names may matter, and the
    globals (the module's own dictionary, not a copy). A frame of code that AutoGraph made counts as the learner's."""
    found: list[Around] = []
    generated: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        kind = autograph_lines.kind(code)
        if kind == autograph_lines.GENERATED:
            generated.append(frame)
        elif kind == autograph_lines.CONVERTER and generated:
            line = autograph_lines.original(frame, generated)
            if line is not None and is_user_file(line[0].co_filename):
                # A loop's body is a function inside the generated one; the innermost value of a name counts.
                local = {n: v for inner in reversed(generated) for n, v in inner.f_locals.items() if _keeps(v)}
                function = frame.f_locals.get("f")
                known = getattr(getattr(function, "__func__", function), "__globals__", {})
                found.append((line[0].co_filename, line[1], local, known))
            generated = []
        elif is_user_file(code.co_filename):
            module = code.co_name == "<module>"
            local = frame.f_globals if module else {n: v for n, v in frame.f_locals.items() if _keeps(v)}
            found.append((code.co_filename, frame.f_lineno, local, frame.f_globals))
        frame = frame.f_back
    return found


def _keeps(value: Any) -> bool:
    if type(value).__module__.startswith("tensorflow.python.autograph"):
        return False  # AutoGraph's own names, and its stand-in for a name that is not defined yet
    return worth_recording(value) or is_user_callable(value) or hasattr(value, "python_function")


def is_user_callable(value: Any) -> bool:
    """Is it a function, or an object to be called, of the learner's?"""
    code = code_of(value) if callable(value) and not isinstance(value, type) else None
    return code is not None and is_user_file(code.co_filename)


def worth_recording(value: Any) -> bool:
    """Worth remembering from the learner's names: tensors, variables, containers of them, layers, models, datasets, numbers."""
    if hasattr(value, "__dict__") and is_user_file(
        getattr(sys.modules.get(type(value).__module__), "__file__", None) or ""
    ):
        return True
    return (
        isinstance(value, (tf.Tensor, tf.Variable, tf.data.Dataset, *COMPOSITES, float, list, tuple, dict))
        or is_owner(value)
        or hasattr(value, "handle")
        or type(value).__module__ == "numpy"
    )
