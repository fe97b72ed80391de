"""`Measured`: a number of this run, beside the band that it was expected in."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets


class Measured(ipywidgets.HTML):
    """A number with three digits and the words for its band. Its plain-text form has the words alone.

    The number of a training differs from machine to machine, and the band does not. So a live page shows both, and a stored
    page, which is compared with the next run, holds the band.

    >>> from gradlab.panel.measured import Measured
    >>> Measured("accuracy", 0.9871, "above 0.9")
    accuracy: above 0.9
    >>> Measured("accuracy", 0.9871, "above 0.9").value
    '<span>accuracy: 0.987, above 0.9</span>'
    """

    def __init__(self, name: str, number: float, band: str) -> None:
        self._told = f"{name}: {band}"
        super().__init__(f"<span>{html.escape(f'{name}: {float(number):.3g}, {band}')}</span>")

    def __repr__(self) -> str:
        return self._told

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self)}
