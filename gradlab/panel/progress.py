"""`Progress`: a bar and a few words for anything that takes longer than two seconds."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets


class Progress(ipywidgets.HBox):
    """Display it, then call `show` as often as there is news. Its plain-text form never changes, so a page can be compared.

    `total` is the number of steps; `name` says what is going on.
    """

    def __init__(self, total: int, name: str) -> None:
        self._name = name
        self._bar = ipywidgets.IntProgress(max=total, description="", layout={"width": "200px"})
        self._words = ipywidgets.HTML()
        super().__init__([self._bar, self._words])
        self.show(0, "starting")

    def show(self, done: int, words: str) -> None:
        """Set the bar and the words beside it."""
        self._bar.value = done
        self._words.value = f'<span role="status">{html.escape(self._name)}: {html.escape(words)}</span>'

    def __repr__(self) -> str:
        return f"Progress({self._name})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
