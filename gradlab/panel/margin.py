"""The margin of a panel's code: for each line the tape's bracket, a cell for each visit, and what the line does to the path.

- `Margins`: line gradients of both positions of one scenario, in the form the page draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab.lab.reading import Side
from gradlab.lab.scenario import Scenario


class Margins:
    """The margins of one scenario on one device."""

    def __init__(self, scenario: Scenario, device: str) -> None:
        self._scenario, self._device = scenario, device
        self._found: list[dict[int, dict[str, Any]]] = [{}, {}]

    def look(self, sides: tuple[Side, Side], knobs: Mapping[str, Any]) -> None:
        """Find the margins of both positions at these knobs."""

    def of(self, bug: bool, cuts: Mapping[int, str]) -> dict[str, dict[str, Any]]:
        """{line number: margin} of one position; `cuts` are lines that cut a source, with the cause in words."""
        lines = {number: dict(margin) for number, margin in self._found[bug].items()}
        for number, words in cuts.items():
            lines.setdefault(number, empty())["cut"] = words
        return {str(number): margin for number, margin in lines.items()}


def empty() -> dict[str, Any]:
    """The margin of a line of which nothing is known."""
    return {"bracket": "", "cells": [], "reads": [], "raised": "", "passed": "", "cut": "", "missing": "", "way": []}
