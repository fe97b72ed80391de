"""The page to print: from symptom to test to cause to repair, made from the rules of the doctor.

Causes, their words and their repairs are those of `gradlab.doctor.rules`, in the order in which the doctor asks. What this file
adds is how a person tells the symptoms apart, and which notebook is about a cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradlab.doctor.rules import CUT, NO_PATH, Rule, rules
from gradlab.lab.reading import Kind


@dataclass(frozen=True)
class Symptom:
    """What somebody sees, how to make sure of it, and the doctor's questions that belong to it."""

    title: str
    test: str
    asks: tuple[Kind | str, ...]
    notebook: str


# In the order in which to ask: an exception hides everything else, and NaN spreads over every weight at the next step.
SYMPTOMS = (
    Symptom("There is an exception", "read its last line", (Kind.RAISES,), "08_control_flow"),
    Symptom(
        "The gradient holds NaN or infinity",
        "`bool(tf.reduce_all(tf.math.is_finite(g)))` is False",
        (Kind.NOT_FINITE,),
        "10_zero_and_nan",
    ),
    Symptom("The gradient is None", "`g is None`", (Kind.NONE, CUT, NO_PATH), "02_integer_cast"),
    Symptom(
        "The gradient is zero everywhere",
        "`bool(tf.reduce_any(g != 0))` is False",
        (Kind.ZERO,),
        "10_zero_and_nan",
    ),
    Symptom(
        "A weight is not in the list",
        "`len(tape.watched_variables())` is not `len(model.trainable_variables)`",
        (Kind.MISSING, Kind.EMPTY),
        "03_list_of_variables",
    ),
    Symptom(
        "All gradients are there, and the numbers are wrong",
        "a finite difference of the loss says something else",
        (Kind.WRONG,),
        "05_lstm_and_the_tape",
    ),
)
LEARNS_NOTHING = """## 7. All gradients are right, and nothing is learned

Test: print the global norm of the gradients at each step, `tf.linalg.global_norm(gradients)`.

| what it is | what to do |
| --- | --- |
| the norm is in the thousands, or grows from step to step: it *explodes* | clip by global norm; see [13](../notebooks/13_exploding_and_clipping.ipynb) |
| the part of early time steps is tiny beside that of the last ones: it *vanishes* | a larger forget bias, an orthogonal start, shorter paths; see [12](../notebooks/12_vanishing_and_exploding.ipynb) and [14](../notebooks/14_from_map_to_training.ipynb) |
| the gradient stops at the beginning of a window | a longer window; see [14](../notebooks/14_from_map_to_training.ipynb), section 5 |
| padding takes part in the loss or in the state | a mask, and a mean over real steps; see [16](../notebooks/16_padding.ipynb) |
"""


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Which gradient is it, and why?",
        "",
        "<!-- made from the doctor's rules by `gradlab tree --into docs/decision_tree.md` -->",
        "",
        "Ask in this order, from 1 to 7, and stop at the first yes. The causes in a table stand in the order in which",
        "[the doctor](../notebooks/18_gradient_doctor.ipynb) looks for them: `print(gradlab.explain(loss, weights))` does all of it, and names the line.",
        "",
    ]
    for number, symptom in enumerate(SYMPTOMS, 1):
        lines += [
            f"## {number}. {symptom.title}",
            "",
            f"Test: {symptom.test}. Learn it: [notebook {symptom.notebook[:2]}](../notebooks/{symptom.notebook}.ipynb).",
            "",
            "| what it is | how it is told | what to do |",
            "| --- | --- | --- |",
            *(_row(rule) for rule in _of(symptom)),
            "",
        ]
    return "\n".join(lines) + LEARNS_NOTHING


def _of(symptom: Symptom) -> list[Rule]:
    """The rules of a symptom with a cause of their own, each cause once: by the first rule that finds it."""
    found: dict[str, Rule] = {}
    for ask in symptom.asks:
        for rule in rules():
            if rule.question == ask and rule.cause is not None:
                found.setdefault(rule.cause.label, rule)
    return list(found.values())


def _row(rule: Rule) -> str:
    assert rule.cause is not None
    reason = " ".join(rule.reason.split("\n\n")[0].split())
    fix = f"{rule.cause.fix}{' (it may be meant)' if rule.cause.by_design else ''}"
    return f"| {_cell(rule.cause.what)} | {_cell(reason)} | {_cell(fix)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
