"""The notebook about attention and saliency: its task, its exercise, and its attributions against NumPy and finite differences."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from solutions import WHOLE, tags

from gradlab.lab.agreement import LENGTH, PHRASES, WORDS, other_number, rank_agreement, sentences, text
from gradlab.lab.attributions import attribute, check_attributions

NOTEBOOK = next(name for name in WHOLE if name.endswith("attention_and_saliency"))


@functools.cache
def notebook():
    """The names of the notebook, untrained: the sentences, the networks, and the exercise with its solution."""
    space = {"device": "/CPU:0", "keras": 3, "check_attributions": check_attributions}
    for cell in WHOLE[NOTEBOOK].cells:
        if cell.cell_type == "code" and ("def networks" in cell.source or "sentences(100" in cell.source):
            exec(cell.source, space)
        if "def integrated_gradients" in cell.source and tags(cell) & {"write", "solution"}:
            exec(cell.source, space)
    return space


def plural(word):
    return word.endswith("s")


def test_the_first_noun_decides_and_six_others_do_not():
    tokens, answers, places = sentences(400, seed=3)
    nouns = other_number(tokens) != tokens
    assert tokens.shape == (400, LENGTH) and (nouns.sum(axis=1) == PHRASES + 1).all() and (tokens > 0).all()
    assert (nouns.argmax(axis=1) == places).all() and set(places) == {1, 2, 3}
    assert [plural(text(t)[p]) for t, p in zip(tokens, places, strict=True)] == (answers[:, 0] > 0).tolist()
    last = [
        plural([w for w, n in zip(text(t), row, strict=True) if n][-1]) for t, row in zip(tokens, nouns, strict=True)
    ]
    assert abs(np.mean(np.array(last) == (answers[:, 0] > 0)) - 0.5) < 0.1, "the last noun gives the answer away"
    assert np.array_equal(other_number(other_number(tokens)), tokens)
    changed = other_number(tokens, places) != tokens
    assert (changed.sum(axis=1) == 1).all() and changed[np.arange(400), places].all()
    assert np.array_equal(sentences(5, seed=3)[0], tokens[:5]) and len(set(WORDS)) == len(WORDS)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def in_numpy(network, rows):
    """The answer of the network with attention by its equations, in float64. Gates: input, forget, candidate, output."""
    kernel, recurrent, bias, readout, offset = (np.asarray(w, np.float64) for w in network.get_weights())
    h = c = np.zeros((len(rows), recurrent.shape[0]))
    states = []
    for t in range(rows.shape[1]):
        i, f, g, o = np.split(rows[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    states = np.stack(states, axis=1)
    scores = np.einsum("bu,btu->bt", h, states)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return sigmoid(np.einsum("bt,btu->bu", weights, states) @ readout + offset)[:, 0], weights


def test_attributions_agree_with_finite_differences_in_numpy():
    space = notebook()
    table, network, looks = space["networks"](attention=True)
    tokens = space["tokens"][:1]
    # larger rows, so that the answer moves
    rows, baseline = (30 * np.asarray(table(t), np.float64)[0] for t in (tokens, other_number(tokens)))
    np.testing.assert_allclose(
        np.asarray(looks(tf.constant(rows[None], tf.float32)))[0, 0], in_numpy(network, rows[None])[1][0], atol=1e-5
    )

    def gradient(points):
        points = tf.constant(points, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(points)
            answer = tf.sigmoid(network(points))
        return tape.gradient(answer, points)

    found = space["integrated_gradients"](gradient, rows, baseline, np.linspace(0, 1, 129))
    ends, _ = in_numpy(network, np.stack([baseline, rows]))
    assert abs(ends[1] - ends[0]) > 0.01
    assert abs(found.sum() - (ends[1] - ends[0])) < 0.02 * abs(ends[1] - ends[0]), "completeness"
    # Each word by itself: the mean of the slope along its own change, by central differences
    change, size = rows - baseline, 1e-5
    words = np.flatnonzero(np.abs(change).any(axis=1))
    assert len(words) == PHRASES + 1 and not found[np.setdiff1d(np.arange(LENGTH), words)].any()
    middles = (np.arange(128) + 0.5) / 128
    for word in words:
        only = np.zeros_like(change)
        only[word] = change[word]
        points = baseline + middles[:, None, None] * change
        by_hand = np.mean(in_numpy(network, points + size * only)[0] - in_numpy(network, points - size * only)[0]) / (
            2 * size
        )
        assert abs(found[word] - by_hand) < 0.02 * np.abs(found).max()


def good(gradient, rows, baseline, alphas):
    total, change = 0, rows - baseline
    for first, second in itertools.pairwise(alphas):
        middle = baseline + (first + second) / 2 * change
        total = total + (second - first) * np.asarray(gradient(middle[None]))[0]
    return (total * change).sum(axis=-1)


def with_plain_mean(gradient, rows, baseline, alphas):
    slopes = np.asarray(gradient(baseline + alphas[:, None, None] * (rows - baseline)))
    return (slopes.mean(axis=0) * (rows - baseline)).sum(axis=-1)


def from_zero(gradient, rows, baseline, alphas):
    return good(gradient, rows, np.zeros_like(rows), alphas)


def without_the_difference(gradient, rows, baseline, alphas):
    slopes = np.asarray(gradient(baseline + alphas[:, None, None] * (rows - baseline)))
    return np.trapezoid(slopes, alphas, axis=0).sum(axis=-1) if hasattr(np, "trapezoid") else slopes.sum(axis=(0, 2))


def gradient_times_input(gradient, rows, baseline, alphas):
    return (np.asarray(gradient(rows[None]))[0] * rows).sum(axis=-1)


def spread_evenly(gradient, rows, baseline, alphas):
    return np.full(len(rows), good(gradient, rows, baseline, alphas).mean())


def with_no_sum(gradient, rows, baseline, alphas):
    return np.zeros_like(rows)


def that_raises(gradient, rows, baseline, alphas):
    return rows[alphas]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (good, "right"),
        (attribute, "right"),
        (with_plain_mean, "not yet: with "),
        (from_zero, "not yet: with equal steps the attributions are wrong, and they are not complete"),
        (without_the_difference, "not yet: with equal steps"),
        (gradient_times_input, "not yet: with equal steps"),
        (spread_evenly, "not yet: with equal steps the attributions are wrong, and they are complete"),
        (with_no_sum, "a number for each word"),
        (that_raises, "not yet: your code raised IndexError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_exercise_accepts_good_answers_and_no_others(function, words):
    said = check_attributions(function)
    assert said == words if words == "right" else words in said and said.startswith("not yet")


def test_rank_agreement_is_spearmans():
    from scipy.stats import spearmanr

    first, second = np.random.default_rng(0).standard_normal((2, 4, 9))
    by_scipy = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_agreement(first, second), by_scipy)
    np.testing.assert_allclose(rank_agreement(first, -first), -1)
