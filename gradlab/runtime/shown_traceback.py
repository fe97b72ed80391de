"""A traceback as the user's program would show it: without the frames of gradlab that stand between the user's own."""

from __future__ import annotations

import os
from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# What runs around the user's code while it is recorded. Other parts of gradlab are called by the user, and stay.
_AROUND = tuple(os.path.join(_OURS, "doctor", part) + os.sep for part in ("recording", "frontends"))


def without_hooks(error: BaseException) -> BaseException:
    """Take gradlab's recording frames out of the tracebacks of an exception and of those before it; returns `error`.

    An exception that gradlab itself raised keeps all of its frames, so that a fault of gradlab's can be found.
    """
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _cleaned(one.__traceback__)
        todo += [e for e in (one.__cause__, one.__context__) if e is not None]
    return error


def _cleaned(whole: TracebackType | None) -> TracebackType | None:
    frames = []
    at = whole
    while at is not None:
        frames.append(at)
        at = at.tb_next
    if not frames or _is_around(frames[-1]):
        return whole
    made: TracebackType | None = None
    for frame in reversed(frames):
        if not _is_around(frame):
            made = TracebackType(made, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return made


def _is_around(frame: TracebackType) -> bool:
    return os.path.abspath(frame.tb_frame.f_code.co_filename).startswith(_AROUND)
