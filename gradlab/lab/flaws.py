"""What a check finds wrong with a learner's answer, and the hint that belongs to each kind of finding.

- `Flaw`: one finding, its kind and its words.
- `hint_for`: the first hint to read. What is still the exercise's own bug has the scenario's own hint; every other kind has
  one here, which a scenario can replace by one of its `hints`.

A gradient that is not right has the value of its `Kind` as its kind of flaw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario

OWN = "own"  # what the scenario's switch does: the hint is the scenario's
RAISED, FORM, FILLED_IN = "raised", "form", "filled in"
WITH_NONE, WITH_NUMPY = "raised with None", "raised with NumPy"
OTHER_ORDER, TOO_MANY_AXES = "axes in another order", "an axis too many"
OTHER_LOSS, RIGHT_HERE, HAS_TO_STAY = "another loss", "right for one input", "has to stay"
NOT_CALLED, WITHOUT_INPUTS, RAISED_ELSEWHERE = "layer not called", "inputs not used", "raised for other inputs"
OTHER_LENGTH = "another length"
OTHER_SOURCE, NOT_LISTED, NOTHING_BROKEN, NOT_OF_A_TAPE = "another source", "not listed", "nothing broken", "by hand"

HINTS = {
    RAISED: (
        'call your function in a cell of its own, `mine(**gradlab.load("{name}").setup())`. Its traceback names the line.'
    ),
    WITH_NONE: (
        "`tape.gradient` gave None, and your code went on with it. Is everything that you ask a gradient of computed inside "
        "the tape?"
    ),
    WITH_NUMPY: "what you ask a gradient of is a NumPy number. Compute it with functions of TensorFlow.",
    OTHER_ORDER: "the number of entries is right. Which axis stands for what?",
    TOO_MANY_AXES: "one axis is too many. Which one has a single entry, or holds all time steps where one is asked for?",
    FORM: "the last line has to be `return loss, sources, gradients`, with two dicts that have the same names.",
    FILLED_IN: (
        "the tape did not return this gradient. It was made or changed after `tape.gradient`. Return what the tape gives, "
        "and repair the path from the weights to the loss."
    ),
    Kind.NONE.value: (
        "None says that the tape has no path from the loss to this source. Which line takes the value out of the tape "
        "(NumPy, an integer type, a new constant), or runs before the tape is open?"
    ),
    Kind.ZERO.value: (
        "a zero says that the loss stays the same when this source moves a little. Look for a product with zero, a flat "
        "function, or an input that is zero."
    ),
    Kind.NOT_FINITE.value: (
        "put `tf.debugging.check_numerics(value, 'here')` around one value after the other. The first function with an "
        "infinite slope is the one to look at."
    ),
    Kind.WRONG.value: (
        "a part of the path is missing. Look for `tf.stop_gradient`, a custom gradient, or a state that goes on as a "
        "constant. The gradients must also belong to the loss that you return."
    ),
    Kind.MISSING.value: "return every source that the code began with, under the same name.",
    OTHER_LOSS: (
        "compare your code line by line with the code that you began with. Change what stops the gradient, and nothing "
        "else of the loss."
    ),
    RIGHT_HERE: (
        "the check changes the weights and the inputs and computes your loss again. A number that was taken out of "
        "TensorFlow, or a `tf.stop_gradient`, stays as it was."
    ),
    HAS_TO_STAY: (
        "the value that jumps has to stay in the loss. Change its gradient alone: a straight-through estimator or a "
        "custom gradient does that."
    ),
    OTHER_LENGTH: (
        "the direction is right, the size is not. Which factor does the gradient meet on its way back, or which small term of "
        "the loss does it come from?"
    ),
    NOT_CALLED: "begin again with the code above, and keep the line that calls the layer. The loss comes from its result.",
    WITHOUT_INPUTS: "begin again with the code above, and keep the line that reads the inputs. The loss comes from them.",
    RAISED_ELSEWHERE: "your code has to run for other numbers of the same shapes as well. Which line relies on these numbers?",
    OTHER_SOURCE: (
        "a copy (`tf.identity`, `tf.Variable`, `tf.constant`) is another source. Use the tensor that your function is given, "
        "in the loss and in `sources`."
    ),
    NOT_LISTED: "print the layer's `trainable_variables` after one call. Which weight is not there, and where is it kept?",
    NOTHING_BROKEN: (
        "a gradient is None where a value has left the tape on its way to the loss. At which line could you replace a "
        "tensor by its numbers?"
    ),
    NOT_OF_A_TAPE: "change the computation inside the tape, and return what `tape.gradient` answers.",
    # what an exercise can rule out, by the names of `gradlab.lab.used`
    "a new variable": (
        "make the value with `tf.constant`, `tf.ones` or `tf.fill`. A tape watches a tensor if you call `tape.watch`."
    ),
    "a persistent tape": "one call of `tape.gradient` can take all sources, as a dict. Or two tapes record the same lines.",
    "a Jacobian of the tape": "call `tape.gradient` once for each entry that you need, on a tape of its own.",
}


class Flaw(NamedTuple):
    """One thing that is wrong with an answer: its kind, a key of `HINTS` or OWN, and a sentence for the learner."""

    kind: str
    words: str


def is_own(scenario: Scenario, kind: str, keras: int) -> bool:
    """Whether the scenario's switch itself causes this kind of flaw under Keras 2 or 3.

    An exercise on a scenario that breaks nothing has a bug of its own, and the scenario's hint is about that bug.
    """
    caused = {k.value for k in scenario.expected(keras)[1].values()}
    return not caused or kind in caused


def hint_for(scenario: Scenario, flaws: Sequence[Flaw]) -> str:
    """The hint that belongs to the first finding. `flaws` must not be empty.

    >>> import gradlab
    >>> from gradlab.lab.flaws import OTHER_LOSS, Flaw, hint_for
    >>> hint_for(gradlab.load("integer_cast"), [Flaw(OTHER_LOSS, "the loss is another one")])[:45]
    'compare your code line by line with the code '
    """
    kind = flaws[0].kind
    if kind == OWN:
        return scenario.hint
    return scenario.hints.get(kind, HINTS[kind]).replace("{name}", scenario.name)
