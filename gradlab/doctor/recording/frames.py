"""Which stack frames are the learner's own code, and what their lines say.

Everything outside the Python installation's library folders and outside gradlab's own machinery counts as the
learner's: scripts,
notebook cells (whatever their pseudo file name), and the scenario functions that gradlab ships as learner code.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import linecache
import os
import site
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from gradlab.doctor.recording import autograph_lines

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SHOWN = os.path.join(_PACKAGE, "scenarios")


def _library_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[k] for k in ("stdlib", "platstdlib", "purelib", "platlib") if k in paths}
    roots.update(site.getsitepackages() if hasattr(site, "getsitepackages") else [])
    user = site.getusersitepackages() if hasattr(site, "getusersitepackages") else None
    if isinstance(user, str):
        roots.add(user)
    roots.add(os.path.dirname(os.path.abspath(os.__file__)))
    roots |= {os.path.realpath(r) for r in roots}
    roots |= _beside_tensorflow(tuple(os.path.join(r, "") for r in roots if r))
    return tuple(r if r.endswith(".py") else os.path.join(r, "") for r in roots if r)


def _beside_tensorflow(known: tuple[str, ...]) -> set[str]:
    """What is installed where TensorFlow is, if that is none of the known folders nor named like one.

    `pip install --target` makes such a folder. What is meant is the packages and modules themselves, not their folder:
    a program may stand beside the packages that it was shipped with.
    """
    found = importlib.util.find_spec("tensorflow")
    if found is None or not found.origin:
        return set()
    package = os.path.dirname(os.path.abspath(found.origin))
    if package.startswith(known) or _named_as_one(package):
        return set()
    folder = os.path.dirname(package)
    tops = {"tensorflow"}
    for distribution in importlib.metadata.distributions(path=[folder]):
        tops |= {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
    return {os.path.join(folder, top) for top in tops}


def _named_as_one(path: str) -> bool:
    """Whether the path leads through a folder that holds packages, by its name."""
    return f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path


_ROOTS = _library_roots()
# Library frames worth remembering: they tell a custom gradient or a loop helper from plain op calls.
_MARKS = {
    "custom_gradient.py": "custom_gradient",
    "while_loop.py": "while_loop",
    "control_flow_ops.py": "while_loop",
    "cond.py": "cond",
    "control_flow_switch_case.py": "cond",
    "control_flow_case.py": "cond",
    "script_ops.py": "py_function",
}


@dataclass(frozen=True)
class Place:
    """One line of the learner's code."""

    file: str
    line: int
    function: str = ""

    @property
    def code(self) -> str:
        """The text of the line, stripped; empty if the source is not available."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def shown(self) -> str:
        """Where it is, for a reader: a notebook cell's file is a temporary one whose name says nothing."""
        return f"{self._cell}, line {self.line}" if self._in_cell else f"{self.file}:{self.line}"

    @property
    def shown_file(self) -> str:
        """The file; of a notebook cell only that it is one: its number is another one at each run."""
        return "notebook cell" if self._in_cell else self.file

    @property
    def _cell(self) -> str:
        """The cell by the number beside it in the notebook, as long as the shell knows it."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
        kind, name = (name_of(self.file) if name_of is not None else None) or ("", "")
        return f"cell [{name[3:-1]}]" if kind == "Cell" and name.startswith("In[") else "notebook cell"

    @property
    def _in_cell(self) -> bool:
        return f"{os.sep}ipykernel_" in self.file or self.file.startswith("<ipython")

    def __str__(self) -> str:
        return self.shown if self._in_cell else f"{os.path.basename(self.file)}:{self.line}"

    def to_dict(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "function": self.function, "code": self.code}


def is_user_file(filename: str) -> bool:
    """True for the learner's files and notebook cells, False for libraries and gradlab's own machinery."""
    if filename.startswith(("<frozen", "<__array_function__", "<attrs", "<decorator-gen")):
        return False
    if filename.startswith("<"):
        # A cell or an exec'd learner function has its source in linecache; generated library code has not.
        return "ipython" in filename or bool(linecache.getlines(filename)) or filename == "<stdin>"
    if "__autograph_generated_file" in filename:
        return False
    path = os.path.abspath(filename)
    if path.startswith(os.path.join(_SHOWN, "")):
        return True
    if path.startswith(os.path.join(_PACKAGE, "")) or path.startswith(_ROOTS):
        return False
    return not _named_as_one(path)


_kinds: dict[CodeType, str] = {}


def _kind(code: CodeType) -> str:
    """One of "user", "" (library), a part of converted code, or the mark of a library frame worth remembering."""
    name = code.co_filename
    if code is as_before.__code__:
        kind = AGAIN
    elif is_user_file(name):
        kind = "user"
    else:
        kind = _MARKS.get(os.path.basename(name), "") if "tensorflow" in name else ""
        kind = kind or autograph_lines.kind(code)
        if kind == "while_loop" and "while_loop" not in code.co_name:
            kind = ""
    _kinds[code] = kind
    return kind


Stack = tuple[tuple[CodeType, int], ...]
CALLERS = 8  # frames kept of a call whose gradient is an IndexedSlices: its function and those that train by it
AGAIN = "again"  # the frame of `as_before`


def as_before(run: Callable[[], Any], around: Stack) -> Any:  # noqa: ARG001 (read from the frame)
    """`run()` of something of the learner's that runs once more for a report: `around`, the frames that it had around it
    before, stand around it again in place of those that ask for the report. None: a script that a command runs has no
    frames around it, whatever has started the command."""
    return run()


def stack(skip: int = 1) -> tuple[Stack, frozenset[str]]:
    """The learner's frames from the innermost outwards as (code, line), and the marks of library frames inside them."""
    return stack_from(sys._getframe(skip + 1))


def stack_from(frame: FrameType | None) -> tuple[Stack, frozenset[str]]:
    """The same from a frame outwards."""
    found: list[tuple[CodeType, int]] = []
    marks: set[str] = set()
    generated: list[FrameType] = []
    kinds = _kinds
    while frame is not None:
        code = frame.f_code
        kind = kinds.get(code)
        if kind is None:
            kind = _kind(code)
        if kind == "user":
            found.append((code, frame.f_lineno))
        elif kind == autograph_lines.GENERATED:
            generated.append(frame)
        elif kind == autograph_lines.CONVERTER:
            line = autograph_lines.original(frame, generated) if generated else None
            if line is not None and is_user_file(line[0].co_filename):
                found.append(line)
            generated = []
        elif kind == AGAIN:
            found += frame.f_locals["around"]
            break
        elif kind and not found:
            marks.add(kind)
        frame = frame.f_back
    return tuple(found), frozenset(marks)


def user_frame(skip: int = 1) -> FrameType | None:
    """The innermost frame of the learner's code, or None."""
    frame: FrameType | None = sys._getframe(skip + 1)
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        frame = frame.f_back if frame.f_code is not as_before.__code__ else None
    return frame


def user_frames(frame: FrameType | None) -> list[FrameType]:
    """This frame of the learner's code and those that called it, innermost first."""
    found: list[FrameType] = []
    while frame is not None and len(found) < CALLERS:
        if is_user_file(frame.f_code.co_filename):
            found.append(frame)
        frame = frame.f_back if frame.f_code is not as_before.__code__ else None
    return found


def places(frames: Stack) -> list[Place]:
    """The places of a stack, innermost first."""
    return [Place(code.co_filename, line, code.co_name) for code, line in frames]


def traceback_places(error: BaseException) -> list[Place]:
    """The learner's lines in an exception's traceback, innermost first."""
    found = []
    tb = error.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        if is_user_file(code.co_filename):
            found.append(Place(code.co_filename, tb.tb_lineno, code.co_name))
        tb = tb.tb_next
    return found[::-1]


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code object behind a function, method, partial or callable object."""
    seen = 0
    thing: Any = function
    while seen < 10:
        seen += 1
        if inspect.ismethod(thing):
            thing = thing.__func__
        elif inspect.isfunction(thing):
            inner = getattr(thing, "__wrapped__", None)
            if inner is not None and not is_user_file(thing.__code__.co_filename):
                thing = inner
                continue
            return thing.__code__
        elif hasattr(thing, "python_function"):
            thing = thing.python_function
        elif hasattr(thing, "func"):
            thing = thing.func
        else:
            call = getattr(type(thing), "__call__", None)  # noqa: B004 (the function itself is wanted)
            return call.__code__ if inspect.isfunction(call) else None
    return None


# --- the learner's frames around an op, taken cheaply -----------------------------------------------------------------

# What a frame is, by the identity of its code object: hashing a code object reads its whole content each time. The code
# objects are kept alive, so that an identity never comes to mean another one.
_LIBRARY, _USER, _RESUMED, _GENERATED, _CONVERTER, _AGAIN = 0, 1, 2, 3, 4, 5
_numbers: dict[int, Any] = {}
_alive: list[CodeType] = []
_RESUMABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

# (code, offset of the instruction, frames around it, marks); an offset below 0 is a line's number, negated.
Spot = tuple[Any, int, tuple[tuple[CodeType, int], ...], tuple[str, ...]]


def _number(code: CodeType) -> Any:
    """_LIBRARY, _USER, _RESUMED (a user's generator or coroutine), _GENERATED, _CONVERTER, _AGAIN, or a mark's text."""
    kind: Any = _kind(code)
    if kind == "user":
        kind = _RESUMED if code.co_flags & _RESUMABLE else _USER
    elif kind == autograph_lines.GENERATED:
        kind = _GENERATED
    elif kind == autograph_lines.CONVERTER:
        kind = _CONVERTER
    elif kind == AGAIN:
        kind = _AGAIN
    _alive.append(code)
    _numbers[id(code)] = kind or _LIBRARY
    return _numbers[id(code)]


class Spots:
    """Takes the spot of each op of one thread.

    While the innermost frame of the learner's is the same frame object, its callers cannot have moved, so what was
    found for them holds (unless it is a generator's, which other callers may resume). That needs a reference to the
    frame, and a frame keeps what it names alive, its tape too: so it is kept only while `remembers`, and `release`
    drops it.
    """

    __slots__ = ("frame", "outer", "remembers")

    def __init__(self) -> None:
        self.remembers = False
        self.frame: FrameType | None = None
        self.outer: tuple[tuple[CodeType, int], ...] = ()

    def release(self) -> None:
        self.frame, self.remembers = None, False

    def here(self) -> Spot:
        """Where the learner's code is now."""
        frame: FrameType | None = sys._getframe(1)
        numbers = _numbers
        marks: tuple[str, ...] = ()
        while frame is not None:
            code = frame.f_code
            kind = numbers.get(id(code))
            if kind is None:
                kind = _number(code)
            if kind:
                if kind == _USER or kind == _RESUMED:
                    break
                if kind == _GENERATED or kind == _AGAIN:  # lines come from what only these frames hold
                    found, seen = stack_from(frame) if kind == _AGAIN else stack(0)
                    pairs = tuple((c, -line) for c, line in found)
                    return (*(pairs[0] if pairs else (None, 0)), pairs[1:], tuple(seen) or marks)
                if kind != _CONVERTER and kind not in marks:
                    marks = (*marks, kind)
            frame = frame.f_back
        if frame is None:
            return None, 0, (), marks
        if self.frame is not frame:
            self.outer = _around(frame.f_back)
            self.frame = frame if kind == _USER and self.remembers else None
        return frame.f_code, frame.f_lasti, self.outer, marks


def _around(frame: FrameType | None) -> tuple[tuple[CodeType, int], ...]:
    found: list[tuple[CodeType, int]] = []
    generated: list[FrameType] = []
    numbers = _numbers
    while frame is not None:
        code = frame.f_code
        kind = numbers.get(id(code))
        if kind is None:
            kind = _number(code)
        if kind:
            if kind == _USER or kind == _RESUMED:
                found.append((code, frame.f_lasti))
            elif kind == _GENERATED:
                generated.append(frame)
            elif kind == _CONVERTER:
                line = autograph_lines.original(frame, generated) if generated else None
                if line is not None and is_user_file(line[0].co_filename):
                    found.append((line[0], -line[1]))
                generated = []
            elif kind == _AGAIN:
                found += [(c, -line) for c, line in frame.f_locals["around"]]
                break
        frame = frame.f_back
    return tuple(found)


_lines: dict[tuple[int, int], int] = {}


def line_of(code: CodeType, offset: int) -> int:
    """The line of an instruction; an offset below 0 is a line's number, negated."""
    if offset < 0:
        return -offset
    found = _lines.get((id(code), offset))
    if found is None:
        found = next((n for a, b, n in code.co_lines() if a <= offset < b and n is not None), code.co_firstlineno)
        _lines[id(code), offset] = found
    return found


_newest: tuple[Spot, tuple[Stack, frozenset[str]]] = ((None, 0, (), ()), ((), frozenset()))


def stack_of(spot: Spot) -> tuple[Stack, frozenset[str]]:
    """The learner's frames of a spot as (code, line), innermost first, and the marks of library frames inside them."""
    global _newest
    code, offset, outer, marks = spot
    (known, at, around, seen), stacked = _newest  # the ops of one call into a library have one spot
    if known is code and at == offset and around is outer and seen == marks:
        return stacked
    frames = () if code is None else ((code, line_of(code, offset)), *((c, line_of(c, o)) for c, o in outer))
    made = frames, frozenset(marks)
    _newest = spot, made
    return made
