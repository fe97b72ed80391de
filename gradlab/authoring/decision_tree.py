"""From symptom to test to cause to repair, made from the rules of the doctor: a page to read, and one sheet of paper.

- `page`: all of it as Markdown, with how the doctor tells each cause.
- `text`: the same as plain text, for a terminal.
- `sheet`: symptoms, tests, causes and repairs as HTML that prints as one page of A4.

Causes, their words and their repairs are those of `gradlab.doctor.rules`, in the order in which the doctor asks. What this file
adds is how a person tells the symptoms apart, and which notebook is about a cause.
"""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass

from gradlab.doctor.rules import CUT, NO_PATH, Rule, rules
from gradlab.lab.markdown import as_cell
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
NOTHING_LEARNED = "All gradients are right, and nothing is learned"
NORM = "print the global norm of the gradients at each step, `tf.linalg.global_norm(gradients)`"
LEARNS_NOTHING = f"""## 7. {NOTHING_LEARNED}

Test: {NORM}.

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
        "# The decision tree: which gradient is it, and why?",
        "",
        "<!-- made from the doctor's rules by `gradlab tree --into docs/decision_tree.md` -->",
        "",
        "Ask in this order, from 1 to 7, and stop at the first yes. The causes in a table stand in the order in which",
        "[the doctor](../notebooks/18_gradient_doctor.ipynb) looks for them: `print(gradlab.explain(loss, weights))` does all of it, and names the line.",
        "`gradlab tree --sheet tree.html` writes one page of A4 to print.",
        "",
    ]
    for number, symptom in enumerate(SYMPTOMS, 1):
        lines += [
            f"## {number}. {symptom.title}",
            "",
            f"Test: {symptom.test}. Learn it: [notebook {symptom.notebook[:2]}](../notebooks/{symptom.notebook}.ipynb).",
            "",
            "| what it is | how to recognise it (any of these) | what to do |",
            "| --- | --- | --- |",
            *(_row(rule, _reasons(symptom, rule)) for rule in _of(symptom)),
            "",
        ]
    return "\n".join([*lines, LEARNS_NOTHING])


def text() -> str:
    """Symptoms, tests, causes, how to recognise them and repairs as plain text, at most 100 letters a line."""
    parts = [
        "THE DECISION TREE: WHICH GRADIENT IS IT, AND WHY?\n",
        _wrapped("Ask from 1 to 7, and stop at the first yes.") + "\n",
    ]
    for number, symptom in enumerate(SYMPTOMS, 1):
        parts.append(f"{number}. {symptom.title}")
        parts.append(_wrapped(f"Test: {symptom.test}. Notebook {symptom.notebook[:2]}.", "   ") + "\n")
        for rule in _of(symptom):
            assert rule.cause is not None
            parts.append(_wrapped(rule.cause.what, "   * ", "     "))
            parts += [_wrapped(f"seen by: {reason}", "       ") for reason in _reasons(symptom, rule)]
            parts.append(_wrapped(f"do: {_fix(rule)}", "       ") + "\n")
    parts.append(f"{len(SYMPTOMS) + 1}. {NOTHING_LEARNED}")
    parts.append(_wrapped(f"Test: {NORM}.", "   ") + "\n")
    for what, fix in re.findall(r"^\| (.+?) \| (.+?) \|$", LEARNS_NOTHING, re.M)[2:]:
        parts.append(_wrapped(what, "   * ", "     "))
        parts.append(_wrapped("do: " + re.sub(r"\[(\d+)\]\([^)]*\)", r"notebook \1", fix), "       ") + "\n")
    return "\n".join(parts)


def _wrapped(words: str, first: str = "", later: str = "") -> str:
    """Lines of a terminal; a terminal has no code type and no italics, so their signs are left out."""
    plain = re.sub(r"\*([^*\s][^*]*)\*", r"\1", words.replace("`", ""))
    return textwrap.fill(
        plain,
        100,
        initial_indent=first,
        subsequent_indent=later or first,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _of(symptom: Symptom) -> list[Rule]:
    """The rules of a symptom with a cause of their own, each cause once: by the first rule that finds it."""
    found: dict[str, Rule] = {}
    for ask in symptom.asks:
        for rule in rules():
            if rule.question == ask and rule.cause is not None:
                found.setdefault(rule.cause.label, rule)
    return list(found.values())


def _reasons(symptom: Symptom, of: Rule) -> list[str]:
    """How the doctor tells the cause of a rule, by each rule that finds it: the first is often a special case."""
    asked = (rule for ask in symptom.asks for rule in rules() if rule.question == ask and rule.cause is of.cause)
    return list(dict.fromkeys(" ".join(rule.reason.split("\n\n")[0].split()) for rule in asked))


def _row(rule: Rule, reasons: list[str]) -> str:
    assert rule.cause is not None
    reason = "<br>".join(reasons if len(reasons) == 1 else [f"({i}) {reason}" for i, reason in enumerate(reasons, 1)])
    return f"| {as_cell(rule.cause.what)} | {as_cell(reason)} | {as_cell(_fix(rule))} |"


def _fix(rule: Rule) -> str:
    assert rule.cause is not None
    return f"{rule.cause.fix}{' (it may be meant)' if rule.cause.by_design else ''}"


# One page of A4 with 8 mm of margin holds two columns of about 80 lines of 8.5 point text.
# Below 8 points it would be hard to read.
_PRINTED = """\
@page { size: A4; margin: 8mm }
body { font: 8.5pt/1.13 "DejaVu Sans Condensed", "Liberation Sans Narrow", "Arial Narrow", Arial, sans-serif; color: #000; margin: 0 }
h1 { font-size: 11pt; margin: 0 }
p { margin: 0 0 1pt }
main { columns: 2; column-gap: 5mm; column-fill: auto; height: 268mm }
h2 { font-size: 9pt; margin: 3pt 0 1pt; padding: 1pt 3pt; border: 0.8pt solid #000; break-after: avoid }
h2 span { float: right; font-weight: normal }
ul { margin: 0; padding: 0; list-style: none }
li { padding-left: 7pt; text-indent: -7pt; break-inside: avoid }
code { font: 8.5pt/1 "DejaVu Sans Mono", monospace; letter-spacing: -0.4pt }
"""


def sheet() -> str:
    """One page of A4 as HTML: the seven questions in their order, and for each the causes with what to do.

    What to do stands at the first question that has the cause; later ones name that question. Open it in a browser to print it.
    """
    first: dict[str, int] = {}
    parts = []
    for number, symptom in enumerate(SYMPTOMS, 1):
        items = []
        for cause in (rule.cause for rule in _of(symptom)):
            assert cause is not None
            seen = first.setdefault(cause.label, number)
            items.append((cause.what, cause.fix if seen == number else f"see {seen}"))
        parts.append(_asked(number, symptom.title, symptom.test, symptom.notebook[:2], items))
    last = [
        (w, re.sub(r"[;,] see \[.*", "", f)) for w, f in re.findall(r"^\| (.+?) \| (.+?) \|$", LEARNS_NOTHING, re.M)[2:]
    ]
    parts.append(_asked(len(SYMPTOMS) + 1, NOTHING_LEARNED, NORM, "12 to 16", last))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>The decision tree: which gradient is it, and why?</title>'
        f"<style>{_PRINTED}</style><h1>The decision tree: which gradient is it, and why?</h1>"
        "<p>Ask from 1 to 7 and stop at the first yes. Each line says what it is → what to do, in the order in which the doctor looks. "
        "<code>print(gradlab.explain(loss, weights))</code> does all of it, and names the line.</p>"
        f"<main>{''.join(parts)}</main></html>\n"
    )


def _asked(number: int, title: str, test: str, notebook: str, items: list[tuple[str, str]]) -> str:
    lines = "".join(f"<li>▸ <b>{_printed(what)}</b> → {_printed(fix)}</li>" for what, fix in items)
    no = f"<span>no: {number + 1}</span>" if number <= len(SYMPTOMS) else ""
    return (
        f"<h2>{no}{number}. {_printed(title)}?</h2><p>Test: {_printed(test)}. Notebook {notebook}.</p><ul>{lines}</ul>"
    )


def _printed(text: str) -> str:
    """As HTML; code and emphasis as Markdown writes them."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
    return re.sub(r"\*([^*\s][^*]*)\*", r"<i>\1</i>", text)
