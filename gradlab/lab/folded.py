"""`Folded`: what a cell found out, folded, so that somebody who runs all cells at once can still decide first.

JupyterLab opens a hidden output when its cell runs, so hiding the output is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

AFTER = "What was measured (after you have flipped)"


@dataclass(frozen=True)
class Folded:
    """`text`, folded in a notebook under `title`, and plain everywhere else."""

    text: str
    title: str = AFTER

    def _repr_html_(self) -> str:
        return f"<details><summary>{escape(self.title)}</summary><pre>{escape(self.text)}</pre></details>"

    def __repr__(self) -> str:
        return self.text


def folded(*parts: object, title: str = AFTER) -> Folded:
    """The parts as text, one below the other; a notebook shows them folded under `title`.

    It is for the cells that tell the outcome of a switch: print would show it to a reader who has not decided yet.

    >>> import gradlab
    >>> gradlab.folded("the same loss:", True)
    the same loss:
    True
    """
    return Folded("\n".join(str(part) for part in parts), title)
