"""What a notebook asks of a learner: a prediction that is checked, a repair that is checked. Neither ever stops a run.

- `check_prediction`: what you expect of the switch against what it does.
- `check_repair`: your own version of a scenario's code against the version with the switch off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradlab.lab.reading import MEASURED, Kind
from gradlab.lab.scenario import Scenario


@dataclass(frozen=True)
class Checked:
    """The outcome of a check: passed or not, and the lines to read."""

    passed: bool
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def check_prediction(scenario: str | Scenario, prediction: Mapping[str, str], **knobs: Any) -> Checked:
    """Hold a prediction, {source: kind} for the switch on, against a run made now.

    Kinds are written as words: ok, wrong, zero, not finite, none, missing, raises. An unknown word or source is answered
    with what there is; nothing raises, so that "run all" goes on.
    """
    from gradlab.lab.measure import compare

    on = compare(scenario, **knobs)[1]
    lines, right = [], 0
    for name, word in prediction.items():
        if name not in on.kinds:
            lines.append(f"?  {name}: there is no such source; there are {', '.join(on.kinds)}")
        elif word not in {k.value for k in MEASURED}:
            lines.append(f"?  {name}: {word!r} is not one of {', '.join(k.value for k in MEASURED)}")
        else:
            hit = on.kinds[name].value == word
            right += hit
            lines.append(f"{'✓' if hit else '✗'}  {name}: you said {word}, measured {on.kinds[name].value}")
    lines += [f"-  {name}: no prediction yet" for name in on.kinds if name not in prediction]
    lines.append(f"{right} of {len(on.kinds)} as measured")
    return Checked(right == len(on.kinds), tuple(lines))


def check_repair(
    scenario: str | Scenario, mine: Callable[..., tuple[Any, ...]], *, same_loss: bool = False, **knobs: Any
) -> Checked:
    """Hold your repaired `mine(**things)` against the scenario's own run with the switch off.

    `mine` takes what `setup` makes and returns `loss, sources, gradients`. An exception in it is reported, not raised.
    Passed means: every source gets a gradient, and it is the one with the switch off or one that finite differences of
    your own loss agree with. With `same_loss` the loss itself must be that of the version with the switch off as well.
    """
    from gradlab.lab.measure import as_scenario, compare, measure

    original = as_scenario(scenario)
    off = compare(original, **knobs)[0]
    attempt = replace(original, run=lambda bug, **things: mine(**things))
    side = measure(attempt, True, None, knobs, off)
    if side.error is not None:
        return Checked(False, ("✗  your code raised " + side.readings[0].note, f"Hint: {original.hint}"))
    left = [f"✗  {r.words()}" for r in side.readings if r.kind is not Kind.OK]
    if same_loss and not left and not np.isclose(off.loss or 0.0, side.loss or 0.0, rtol=1e-4):
        left = [f"✗  the gradients flow, but the loss is another one: {side.loss:.3g}, expected {off.loss:.3g}"]
    if left:
        return Checked(False, (*left, f"Not yet: {len(left)} of {len(side.readings)} to go.", f"Hint: {original.hint}"))
    return Checked(True, (*(f"✓  {r.words()}" for r in side.readings), "Repaired."))
