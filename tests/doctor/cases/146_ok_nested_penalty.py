"""Healthy: gradient penalty with a nested tape and dropout from a seed generator."""

import keras
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"d1": "ok", "d2": "ok"}
CUT = ""


def run():
    keras.utils.set_random_seed(10)
    d1, drop, d2 = keras.layers.Dense(4, activation="tanh"), keras.layers.Dropout(0.3), keras.layers.Dense(1)
    x = tf.random.normal((3, 2))
    d2(drop(d1(x)))

    def loss_fn():
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = d2(drop(d1(x), training=True))
        slope = inner.gradient(y, x)
        return tf.reduce_mean(y**2) + tf.reduce_mean((tf.norm(slope, axis=1) - 1.0) ** 2)

    return loss_fn, {"d1": d1.kernel.value, "d2": d2.kernel.value}
