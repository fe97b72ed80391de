"""The functions a learner reads do what they say, and the race judges them by its own run."""

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from gradlab.jacobians import jacobian
from gradlab.lab.jacobian_race import (
    cost,
    folk_loop,
    jacobian_at_once,
    jacobian_per_step,
    jacobian_structured,
    race,
)
from gradlab.lab.jacobian_race.plots import draw_cost, draw_norms, draw_race

from .conftest import randomise, relative

X = np.random.default_rng(0).standard_normal((2, 4, 3)).astype("float32")


def _layer() -> keras.layers.SimpleRNN:
    layer = keras.layers.SimpleRNN(5, return_sequences=True)
    layer.build(X.shape)
    randomise(layer)
    return layer


def test_the_right_ways_agree_and_the_folk_loop_sums_over_units() -> None:
    layer = _layer()
    exact = jacobian(layer, X)
    for way in (jacobian_per_step, jacobian_at_once, jacobian_structured):
        assert relative(way(layer, X), exact.full) < 1e-5, way.__name__
    folk = folk_loop(layer, X)
    assert folk.shape == (2, 4, 3) and exact.diagonal.shape == (2, 4, 5, 3)
    assert relative(folk, exact.diagonal.sum(2)) < 1e-5


def test_the_race_finds_out_who_is_right() -> None:
    lanes = {lane.name: lane for lane in race(_layer(), X, repeats=2, progress=False)}
    folk = lanes["folk loop (sums over units)"]
    assert folk.error is None and folk.shape == (2, 4, 3)
    assert len(lanes) == 5 and all(
        lane.error is not None and lane.error < 1e-5 for lane in lanes.values() if lane is not folk
    )
    assert all(len(lane.seconds) == 2 and lane.median > 0 for lane in lanes.values())
    figure = Figure()
    draw_race(figure.subplots(), list(lanes.values()))
    figure.canvas.draw()


def test_the_race_is_for_the_layer_its_structured_way_is_for() -> None:
    with pytest.raises(TypeError, match="SimpleRNN with tanh"):
        race(keras.layers.LSTM(2, return_sequences=True), X)


def test_costs_are_measured_and_fitted() -> None:
    found = cost(_layer(), (5, 10, 20, 40), features=3, repeats=2, progress=False)
    assert [c.quantity for c in found] == ["full", "norms", "diagonal", "step"]
    assert all(len(c.seconds) == 4 and np.isfinite(c.exponent) for c in found)
    figure = Figure()
    draw_cost(figure.subplots(), found)
    figure.canvas.draw()
    with pytest.raises(ValueError, match="at least four"):
        cost(_layer(), (5, 10))


def test_the_map_shows_all_orders_of_magnitude_and_tells_zero_from_not_finite() -> None:
    values = np.array([[0.0, -np.inf, -np.inf], [-310.0, -np.inf, -np.inf], [310.0, np.nan, -np.inf]])
    axes = Figure().subplots()
    image = draw_norms(axes, values)
    assert image.get_clim() == (-310.0, 310.0)
    assert np.isfinite(np.ma.filled(image.get_array(), np.nan)).sum() == 3
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label[4:] for label in labels] == ["exactly zero: 2", "not finite: 1"]
    with pytest.raises(ValueError, match="choose one sample"):
        draw_norms(axes, values[None])
