"""A Keras Dense with sigmoid fed with unscaled data (float32 sigmoid is exactly 1)."""

import keras
import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero"}
CUT = "p = gate(x)"


def run():
    gate = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")
    x = tf.constant([[300.0, 200.0], [150.0, 90.0]])
    gate(x)

    def loss_fn():
        p = gate(x)
        return tf.reduce_mean((p - 0.5) ** 2)

    return loss_fn, {"kernel": gate.kernel.value}
