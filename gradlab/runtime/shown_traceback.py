"""A traceback as the user's program would show it: without the frames of gradlab that stand between the user's own."""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# What runs around the user's code while it is recorded. Other parts of gradlab are called by the user, and stay.
_AROUND = tuple(os.path.join(_OURS, "doctor", part) + os.sep for part in ("recording", "frontends"))
_WRAPPER = os.path.join("tensorflow", "python", "autograph", "impl", "api.py")


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
    for frame, inner in zip(reversed(frames), [None, *reversed(frames[1:])], strict=True):
        if not _is_around(frame) and not (inner is not None and _is_around(inner) and _is_wrapper(frame)):
            made = TracebackType(made, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return made


def _is_wrapper(frame: TracebackType) -> bool:
    """Is it the frame that TensorFlow's `do_not_convert` puts around a function?"""
    code = frame.tb_frame.f_code
    return code.co_name == "wrapper" and code.co_filename.endswith(_WRAPPER)


def _is_around(frame: TracebackType) -> bool:
    return os.path.abspath(frame.tb_frame.f_code.co_filename).startswith(_AROUND)


def clean_uncaught() -> None:
    """From here on an exception that ends the program, or a thread of it, is shown without gradlab's recording frames.

    Called when an exception passes through such frames. Where the program has put a hook of its own it stays.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _shown
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _shown_in_thread


def _shown(kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    sys.__excepthook__(kind, without_hooks(error), error.__traceback__)


def _shown_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        error = without_hooks(args.exc_value)
        args = threading.ExceptHookArgs((args.exc_type, error, error.__traceback__, args.thread))
    threading.__excepthook__(args)
