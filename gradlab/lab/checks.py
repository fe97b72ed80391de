"""What a notebook asks of a learner: a prediction that is checked, a repair that is checked. Neither ever stops a run.

- `check_prediction`: what you expect of the switch against what it does.
- `check_repair`: your own version of a scenario's code against the version with the switch off.
- `check_break`: a version of yours that is meant to lose a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradlab.lab.reading import MEASURED, Kind
from gradlab.lab.scenario import Scenario

UNANSWERED = "?"  # what stands in a notebook before the learner has answered


@dataclass(frozen=True)
class Checked:
    """The outcome of a check: passed or not, and the lines to read."""

    passed: bool
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def check_prediction(scenario: str | Scenario, prediction: Mapping[str, str], **knobs: Any) -> Checked:
    """Hold a prediction, {source: kind} for the switch on, against a run made now.

    Kinds are written as words: ok, wrong, zero, not finite, none, missing, raises; "?" stands for no answer yet, and then
    nothing is said of what was measured. An unknown word or source is answered with what there is; nothing raises, so
    that "run all" goes on.

    >>> import gradlab
    >>> gradlab.check_prediction("integer_cast", {"kernel": "zero", "bias": "?", "recurrent_kernel": "?"})
    ✗  kernel: you said zero, measured none
    -  recurrent_kernel: no prediction yet
    -  bias: no prediction yet
    0 of 3 as measured
    """
    from gradlab.lab.measure import compare

    if not isinstance(prediction, Mapping):
        return Checked(False, (f"?  the prediction is a {type(prediction).__name__}; expected a dict, source -> word",))
    try:
        on = compare(scenario, **knobs)[1]
    except (LookupError, TypeError) as error:
        return Checked(False, (f"?  {error}",))
    lines, right = [], 0
    given = {name: word for name, word in prediction.items() if word != UNANSWERED}
    for name, word in given.items():
        if name not in on.kinds:
            lines.append(f"?  {name}: there is no such source; there are {', '.join(on.kinds)}")
        elif not isinstance(word, str) or word not in {k.value for k in MEASURED}:
            lines.append(f"?  {name}: {word!r} is not one of {', '.join(k.value for k in MEASURED)}")
        else:
            hit = on.kinds[name].value == word
            right += hit
            lines.append(f"{'✓' if hit else '✗'}  {name}: you said {word}, measured {on.kinds[name].value}")
    lines += [f"-  {name}: no prediction yet" for name in on.kinds if name not in given]
    lines.append(
        f"{right} of {len(on.kinds)} as measured" if given else "Put a word in the place of each question mark."
    )
    return Checked(right == len(on.kinds), tuple(lines))


def check_repair(
    scenario: str | Scenario, mine: Callable[..., tuple[Any, ...]], *, owner: Any = None, **knobs: Any
) -> Checked:
    """Hold your repaired `mine(**things)` against the scenario's own run. Says what is still wrong, and gives the hint that
    belongs to it (`gradlab.lab.flaws`); nothing raises.

    `mine` takes what `setup` makes and returns `loss, sources, gradients`. It passes if all of this holds:

    - Every source gets a gradient: that of the switch off, or one that finite differences of your own loss agree with, or,
      where the loss jumps, one that points with that of the smooth loss (the straight-through estimator).
    - The loss is the one that the scenario's `repair` asks for, at the given numbers and at `PROBES` others.
    - The sources are the scenario's own, and nothing was used that the exercise rules out.

    `owner` is a layer of your own whose listed variables have to be the sources; its numbers are its own, so its loss is
    only asked to depend on the layer and the inputs.

    >>> import gradlab
    >>> gradlab.check_repair("integer_cast", lambda **things: None).lines[0]
    '✗  your code returned None; expected `return loss, sources, gradients`'
    """
    from gradlab.lab.attempt import Attempt
    from gradlab.lab.flaws import hint_for
    from gradlab.lab.measure import as_scenario

    try:
        original = as_scenario(scenario)
        original.setup(**knobs)
    except (LookupError, TypeError) as error:
        return Checked(False, (f"?  {type(error).__name__}: {error}",))
    attempt = Attempt.of(original, mine, knobs)
    # In the order of the hints: what was filled in or ruled out says more than the gradients that it gave
    left = attempt.problems or [*attempt.bad_means(), *attempt.bad_gradients(), *attempt.bad_sources(owner)]
    left = left or attempt.bad_loss(owner)
    if left:
        total = len(attempt.off.readings)
        flaws = sum(r.kind is not Kind.OK for r in attempt.readings)
        count = (f"Not yet: {flaws} of {total} gradients to go.",) if flaws else ("Not yet.",)
        return Checked(False, (*(f"✗  {flaw.words}" for flaw in left), *count, f"Hint: {hint_for(original, left)}"))
    return Checked(True, (*(f"✓  {r.words()}" for r in attempt.readings), "Repaired."))


def check_break(scenario: str | Scenario, mine: Callable[..., tuple[Any, ...]], **knobs: Any) -> Checked:
    """Hold a `mine` that is meant to lose a gradient. It passes if the loss is that of the switch off, at the given numbers
    and at others, and a tape itself answers None for at least one of the scenario's own variables.

    >>> import gradlab
    >>> scenario = gradlab.load("integer_cast")
    >>> gradlab.check_break("integer_cast", lambda **things: scenario.run(False, **things)).passed
    False
    """
    from gradlab.lab.attempt import Attempt
    from gradlab.lab.flaws import NOT_OF_A_TAPE, NOTHING_BROKEN, Flaw, hint_for
    from gradlab.lab.measure import as_scenario

    original = as_scenario(scenario)
    attempt = Attempt.of(original, mine, knobs)
    left = attempt.problems or [*attempt.bad_sources(None), *attempt.bad_loss(None)]
    lost = [r.name for r in attempt.readings if r.kind is Kind.NONE]
    if not left and not lost:
        kinds = ", ".join(f"{r.name} is {r.kind}" for r in attempt.readings)
        left = [Flaw(NOTHING_BROKEN, f"no gradient is None: {kinds}")]
    if not left and attempt.taken is not None:
        taken = attempt.taken
        left = [
            Flaw(NOT_OF_A_TAPE, f"{name}: this None is not a tape's answer; let `tape.gradient` return it")
            for name in lost
            if not attempt.used.answered(taken.sources[name], None)
        ]
    if left:
        hint = f"Hint: {hint_for(original, left)}"
        return Checked(False, (*(f"✗  {flaw.words}" for flaw in left), "Not broken yet.", hint))
    return Checked(True, (f"✓  None for {', '.join(lost)}, and the loss is the same.", "Broken, as asked."))
