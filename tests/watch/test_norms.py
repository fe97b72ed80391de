"""Norms inside a step: exact far beyond what a float32 can square, and in step with the variables."""

import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.watch.columns import NONE
from gradlab.watch.norms import norms, spread

# TensorFlow takes entries below 1.2e-38 (subnormal) for zero, so the least scale stays clear of them.
SCALES = [0.0, 1e-35, 1e-30, 1e-20, 1e-13, 1.0, 1e17, 1e19, 1e30, 1e36]


@pytest.mark.parametrize("how", ["eager", "graph", "XLA"])
@pytest.mark.parametrize("together", [True, False], ids=["one vector", "one by one"])
def test_norms_beyond_what_a_float32_can_square(how, together):
    parts = [np.float32(s) * np.random.default_rng(n).normal(size=(3, 50)).astype("f") for n, s in enumerate(SCALES)]

    def found(given):
        return norms(given, how == "XLA") if together else tf.concat([norms([g], how == "XLA") for g in given], 0)

    run = found if how == "eager" else tf.function(found, jit_compile=how == "XLA")
    right = [np.linalg.norm(p.astype(np.float64)) for p in parts]
    np.testing.assert_allclose(run([tf.constant(p) for p in parts]), right, rtol=1e-6)


def test_rows_of_one_index_are_added_first():
    slices = tf.IndexedSlices(tf.constant([[3.0], [1.0], [-3.0]]), tf.constant([2, 0, 2]), tf.constant([5, 1]))
    np.testing.assert_allclose(norms([slices]), [1.0])
    np.testing.assert_allclose(tf.function(lambda: norms([slices], True), jit_compile=True)(), [1.0])


def test_none_has_its_place():
    given = [None, tf.ones([4]), None, tf.ones([9])]
    np.testing.assert_array_equal(spread(norms([given[1], given[3]]), given), [NONE, 2, NONE, 3])
    np.testing.assert_array_equal(spread(norms([]), [None, None]), [NONE, NONE])


def test_a_layer_that_is_frozen_between_two_trainings_keeps_its_place():
    layers = tf.keras.layers
    model = tf.keras.Sequential([tf.keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1, name="last")])
    x, y = np.ones((8, 4), "f"), np.ones((8, 1), "f")
    watch = gradlab.Watch(view=None)
    for freeze in (False, True):
        model.layers[0].trainable = not freeze
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=3, verbose=0, callbacks=[watch])
    kinds = [[column.kind(i) for i in range(4)] for column in watch.record.columns]
    assert [n.split("/")[-2] for n in watch.record.names] == ["first", "first", "last", "last"]
    assert kinds == [["ok"] * 4] * 3 + [["unseen"] * 2 + ["ok"] * 2] * 3
    assert watch.record.matrix().shape == (4, 6)
    assert not watch.record.alarms
