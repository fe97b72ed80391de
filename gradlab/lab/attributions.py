"""For integrated gradients in a notebook: the check of the exercise, and bars over words.

- `attribute`: integrated gradients by the trapezoid rule.
- `check_attributions`: what is wrong with a function that computes integrated gradients, in a sentence.
- `bars`: several measures of the words of one sentence, under each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.runtime.exceptions import sentence

if TYPE_CHECKING:
    from gradlab.lab.heatmap import Picture


def attribute(gradient: Callable[..., Any], rows: np.ndarray, baseline: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Integrated gradients of each word, as in the exercise: (words,), in the unit of the answer.

    `rows` and `baseline` are (words, size), `alphas` rise from 0 to 1, and `gradient` maps points (number, words, size) in
    float32 to d answer / d point. Sundararajan, Taly and Yan, 2017.
    """
    change = rows - baseline
    slopes = np.asarray(gradient((baseline + alphas[:, None, None] * change).astype(np.float32)))
    mean = (np.diff(alphas)[:, None, None] * (slopes[1:] + slopes[:-1]) / 2).sum(axis=0)
    return np.asarray((mean * change).sum(axis=-1))


def check_attributions(function: Callable[..., Any]) -> str:
    """The word right, or what is not: `function(gradient, rows, baseline, alphas)` is held against attributions that are known.

    The answer is a sum of factor × cube, for which the attribution of a word is factor × (rows³ - baseline³), summed over
    its row. It is tried with equal and with unequal steps (Sundararajan, Taly and Yan, 2017, for the definition).
    """
    draw = np.random.default_rng(0)
    rows, baseline, factor = draw.standard_normal((3, 5, 2))
    known = (factor * (rows**3 - baseline**3)).sum(axis=-1)
    try:
        for name, alphas in {"equal": np.linspace(0, 1, 401), "unequal": np.linspace(0, 1, 401) ** 2}.items():
            found = np.asarray(function(lambda points: 3 * factor * np.asarray(points) ** 2, rows, baseline, alphas))
            if found.shape != known.shape:
                return f"not yet: the result has shape {found.shape}, expected {known.shape}, a number for each word"
            if not np.allclose(found, known, atol=1e-3):  # 400 steps of the trapezoid rule are right to about 1e-5
                complete = "complete" if abs(found.sum() - known.sum()) < 1e-3 else "not complete"
                return f"not yet: with {name} steps the attributions are wrong, and they are {complete}"
    except Exception as error:  # what a learner writes may raise anything; it is told
        return f"not yet: your code raised {sentence(error)}"
    return "right"


def bars(measures: Mapping[str, np.ndarray], words: Sequence[str], place: int) -> Picture:
    """The sizes of each measure over the words; the word at `place` is black and its bar hatched."""
    from matplotlib.figure import Figure

    from gradlab.lab.heatmap import as_picture

    figure = Figure(figsize=(9, 1.1 * len(measures) + 0.4), layout="constrained")
    axes = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, values) in zip(axes, measures.items(), strict=True):
        drawn = ax.bar(range(len(words)), np.abs(values), color="silver")
        drawn[place].set(color="black", hatch="//", edgecolor="white")
        ax.set_ylabel(name, fontsize=8)
    axes[-1].set_xticks(range(len(words)), words, rotation=60, fontsize=8)
    return as_picture(
        figure,
        f"Bars over the words of one sentence, one row for each of: {', '.join(measures)}. "
        f"The noun that decides, word {place + 1} ({words[place]}), is black and hatched.",
    )
