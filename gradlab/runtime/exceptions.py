"""What an exception says and where it came from, in one line each. Standard library only.

- `sentence`: type and message; Keras 3 puts a heading before the message and terminal codes around it.
- `place`: the last line of the code that was called, before the call went into a library.
"""

from __future__ import annotations

import re
import traceback

_CODES = re.compile(r"\x1b\[[0-9;]*m|\{\{\w+ [^}]*\}\} ")  # colours, and TensorFlow's names of graph nodes
MOST = 200  # characters of a message
_TAIL = re.compile(r" \[Op:\w+\](?: name:\s*)?$")  # the op's type, and an op's name that is empty in eager mode


def plain(text: str) -> str:
    """The text without terminal codes and node names."""
    return _CODES.sub("", text)


def sentence(error: BaseException) -> str:
    """`IndexError: list index out of range`: the first line that says what happened, at most 200 characters of it, then "…"."""
    lines = [line.strip() for line in plain(str(error)).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines = lines[1:]
    said = _TAIL.sub("", lines[0]) if lines else ""
    return f"{type(error).__name__}: {said if len(said) <= MOST else said[:MOST].rpartition(' ')[0] + ' …'}"


def place(error: BaseException) -> str:
    """`guess = model([x, y])`: the deepest line in the file where the traceback begins; "" without a traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return (own[-1].line or "") if own else ""
