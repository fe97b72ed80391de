"""`TryAnswers`: answers to click; each is run at once, and its code is shown with the gradients of its lines beside it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from gradlab.panel.strict import strict
from gradlab.runtime.exceptions import sentence


class TryAnswers(ipywidgets.VBox):
    """A button for each answer. A click runs the answer's program and shows what its tape gave.

    `answers` maps the text of an answer to a function without arguments that opens its own tape, asks it and returns the
    gradients. `found` maps the texts that were tried to the number of gradients that were None, and how many there are.
    An exception of a program is shown in words; with GRADLAB_STRICT=1 it is raised as well.

    >>> from gradlab.scenarios._eight_lines import ANSWERS
    >>> from gradlab.panel.try_answers import TryAnswers
    >>> TryAnswers(ANSWERS)
    3 answers to try, by a click
    """

    def __init__(self, answers: Mapping[str, Callable[[], Any]]) -> None:
        self._answers = dict(answers)
        self.found: dict[str, tuple[int, int]] = {}
        self._said = ""
        self._words = ipywidgets.HTML(value='<span role="status">Click the answer that you believe.</span>')
        self._page = ipywidgets.HTML()
        buttons = []
        for text in self._answers:
            button = ipywidgets.Button(description=text, tooltip=text, layout={"width": "100%", "max_width": "46em"})
            button.style.text_align = "left"
            button.on_click(lambda _, text=text: self.choose(text))
            buttons.append(button)
        super().__init__([*buttons, self._words, self._page])

    def choose(self, text: str) -> None:
        """What a click on an answer does."""
        from gradlab.lines.api import of_program

        self._say("running it …")
        try:
            tried = of_program(self._answers[text])
            if tried.error is not None:
                raise tried.error
            gradients, shown = tried.result, tried.html()
        except Exception as error:  # the page says so, and the other answers can still be tried
            self._say(f"{text[:2]} This could not be run: {sentence(error)}")
            if strict():
                raise
            return
        lost = sum(g is None for g in gradients)
        self.found[text] = lost, len(gradients)
        self._page.value = shown
        outcome = (
            "It was not that." if lost == len(gradients) else "It was that." if not lost else "Some are still None."
        )
        left = [t[:1] for t in self._answers if t not in self.found]
        more = f" Not tried yet: {', '.join(left)}." if left else " You have tried all of them."
        more = more if len(self._answers) > 1 else ""
        self._say(f"{text[:2]} {lost} of {len(gradients)} gradients are None. {outcome}{more}")

    @property
    def said(self) -> str:
        """What became of the answer that was tried last, in words."""
        return self._said

    @property
    def shown(self) -> str:
        """The HTML of its code with the gradients of its lines."""
        return str(self._page.value)

    def _say(self, words: str) -> None:
        self._said = words
        self._words.value = f'<span role="status">{html.escape(words)}</span>'

    def __repr__(self) -> str:
        return f"{len(self._answers)} answers to try, by a click"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
