"""The status line above a notebook: TensorFlow is loading, ready, or failed."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from gradlab.runtime import tf_loading

# White is read on each colour, whatever theme is behind the line.
_LOOK = {"loading": ("◌", "#8a6d00"), "ready": ("●", "#1a7f37"), "failed": ("✖", "#b00020")}


class Status(ipywidgets.HTML):
    """One line that follows the loading of TensorFlow. Its plain-text form is what was asked for, not how far it is."""

    def __init__(self, keras: int, device: str) -> None:
        self._asked = f"gradlab: Keras {keras} on {device}"
        super().__init__()

    def refresh(self) -> None:
        """Write where loading stands."""
        state, sentence = tf_loading.state()
        mark, colour = _LOOK[state]
        badge = f'<b style="color:#fff;background:{colour};border-radius:3px;padding:0 5px">{mark} {state}</b>'
        self.value = f'<div role="status">{badge} {html.escape(sentence)}</div>'

    def __repr__(self) -> str:
        return self._asked

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}


def start(keras: int = 3, device: str = "/CPU:0") -> Status:
    """Load TensorFlow in the background, with Keras 3 or legacy Keras (`keras=2`), and show how far it is.

    `device` is where every panel of this notebook computes, "/CPU:0" or "/GPU:0". Raises ValueError or RuntimeError
    when the choice can't be had (see `gradlab.runtime.tf_environment.choose_keras`); a device that is missing is reported in the line
    and raised by the first panel.
    """
    line = Status(keras, device)
    tf_loading.begin(keras, device, then=line.refresh)
    line.refresh()
    return line
