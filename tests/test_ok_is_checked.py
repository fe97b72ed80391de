"""A gradient is called ok after a finite difference has agreed: a wrong sign or a lost part is noticed at both positions."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from samples import sampled

import gradlab
from gradlab.lab.measure import compare, measure, to_array
from gradlab.lab.reading import Kind

NAMES = gradlab.names()


def changed_run(scenario, change):
    def run(bug, **things):
        result = scenario.run(bug, **things)
        return result[0], result[1], {name: change(name, g) for name, g in result[2].items()}, *result[3:]

    return replace(scenario, run=run)


def flipped(_, gradient):
    return gradient if gradient is None else tf.constant(-to_array(gradient))


@pytest.mark.parametrize("name", sampled(NAMES, 3))
def test_flipped_gradients_are_noticed_at_both_positions(name):
    scenario = gradlab.load(name)
    off = measure(changed_run(scenario, flipped), False, None, {})
    assert {r.name for r in off.readings if r.kind is Kind.OK} == set(), "with the switch off"

    def flipped_on(bug, **things):
        return (changed_run(scenario, flipped) if bug else scenario).run(bug, **things)

    good = {r.name for r in compare(scenario)[1].readings if r.kind is Kind.OK}
    on = compare(replace(scenario, run=flipped_on))[1]
    assert not good & {r.name for r in on.readings if r.kind is Kind.OK}, "with the switch on"


SEVERAL = {"encoder_decoder", "far_past", "hidden_layer", "watched_state", "integer_index"}


@pytest.mark.parametrize("name", sampled(sorted(SEVERAL), 2))
def test_one_flipped_gradient_among_many_is_noticed_and_the_others_are_not_blamed(name):
    scenario = gradlab.load(name)
    sources = list(measure(scenario, False, None, {}).kinds)
    for wrong in (sources[0], sources[-1]):
        side = measure(changed_run(scenario, lambda n, g, w=wrong: flipped(n, g) if n == w else g), False, None, {})
        assert side[wrong].kind is Kind.WRONG and "finite difference" in side[wrong].note
        assert {n for n, k in side.kinds.items() if k is not Kind.OK} == {wrong}


def test_a_zero_with_the_switch_off_is_asked_about_too():
    scenario = gradlab.load("integer_cast")
    side = measure(changed_run(scenario, lambda _, g: tf.zeros_like(g)), False, None, {})
    for reading in side.readings:
        assert reading.kind is Kind.ZERO and "finite difference" in reading.note


def test_a_gradient_that_is_ten_per_cent_too_long_is_noticed():
    scenario = gradlab.load("rounding")
    side = measure(changed_run(scenario, lambda _, g: 1.1 * g), False, None, {})
    assert set(side.kinds.values()) == {Kind.WRONG}


def test_differences_are_those_of_a_known_function():
    from gradlab.lab.by_hand import differences

    x = tf.constant([[1.0, -2.0], [0.5, 3.0]])
    found = differences(lambda v: tf.stack([tf.reduce_sum(v**2), v[0, 0] * v[1, 1]]), x)
    np.testing.assert_allclose(found[0], 2 * x.numpy(), atol=1e-3)
    np.testing.assert_allclose(found[1], [[3.0, 0.0], [0.0, 1.0]], atol=1e-3)
