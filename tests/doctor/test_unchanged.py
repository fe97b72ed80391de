"""Weights that fit leaves as they were are told, though its graph shows no values."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.lab.reading import Kind


class Own(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        slopes = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
        return {"loss": loss}


def told(kind, bias, arrays, grouped=False):
    """The rows of the report on a fit of a layer with relu and a head."""
    keras.utils.set_random_seed(56)
    given = keras.Input((2,))
    hidden = keras.layers.Dense(3, "relu", bias_initializer=keras.initializers.Constant(bias))(given)
    net = kind(given, keras.layers.Dense(2)(hidden))
    x, y = tf.random.normal((8, 2)), tf.random.normal((8, 2))
    net.compile("adam", "mse")
    with recorded_tapes() as opened:
        if arrays:
            net.fit(x, y, batch_size=4, epochs=1, verbose=0)
        else:
            # A dataset that runs Python is not asked again, so the step can't run once more.
            kinds = tf.TensorSpec((2,)), tf.TensorSpec((2,))
            rows = tf.data.Dataset.from_generator(lambda: zip(x, y, strict=True), output_signature=kinds)
            net.fit(rows.batch(4), epochs=1, verbose=0)
    (report,) = reports(opened)
    return report.rows if not grouped else str(report)


def test_weights_that_plain_fit_leaves_as_they_were_are_told_without_a_verdict_on_the_gradient():
    *rest, head_bias = told(keras.Model, -50.0, arrays=False)
    assert [r.status for r in rest] == [Kind.OK] * 3
    assert all("has not changed" in r.words and "1 other weight " in r.evidence for r in rest)
    assert all(r.cause is None and "gradlab.explain(model, x, y)" in (r.fix or "") for r in rest)
    assert not head_bias.is_problem


def test_weights_of_which_the_same_is_said_are_one_entry():
    said = told(keras.Model, -50.0, arrays=False, grouped=True)
    assert said.count("has not changed") == 1
    assert "and 2 others" in said


def test_a_plain_fit_on_arrays_runs_once_more_and_the_zero_is_explained():
    *rest, head_bias = told(keras.Model, -50.0, arrays=True)
    assert [(r.status, r.cause) for r in rest] == [(Kind.ZERO, "zero-saturated")] * 3
    assert not head_bias.is_problem


def test_a_train_step_of_the_users_runs_once_more_and_the_zero_is_explained():
    *rest, head_bias = told(Own, -50.0, arrays=True)
    assert [(r.status, r.cause) for r in rest] == [(Kind.ZERO, "zero-saturated")] * 3
    assert not head_bias.is_problem


@pytest.mark.parametrize(("kind", "arrays"), [(keras.Model, False), (Own, True)])
def test_nothing_is_said_where_every_weight_was_moved(kind, arrays):
    assert not any(r.is_problem for r in told(kind, 1.0, arrays))
