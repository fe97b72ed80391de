"""Line gradients: for each line of the learner's code, the gradient of the loss with respect to what the line made.

- `line_gradients`: of a loss function. `of_scenario`: of one position of a scenario's switch.
- `LineGradients`, `Line`, `Visit`: the answer, plain data; text, page and picture draw it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradlab.lines.model import Line as Line
from gradlab.lines.model import LineGradients as LineGradients
from gradlab.lines.parts import Visit as Visit

if TYPE_CHECKING:
    from gradlab.lines.api import line_gradients as line_gradients
    from gradlab.lines.api import of_scenario as of_scenario


def __getattr__(name: str) -> object:
    if name in ("line_gradients", "of_scenario"):  # these import TensorFlow
        from gradlab.lines import api

        return getattr(api, name)
    raise AttributeError(f"module 'gradlab.lines' has no attribute {name!r}")
