"""A softmax over a single class gives 1 for every weight."""

import keras
import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"kernel": "zero"}
CUT = "return tf.reduce_mean((head(x) - 0.25) ** 2)"


def run():
    head, x = keras.layers.Dense(1, activation="softmax"), tf.constant([[0.1, 0.7], [0.4, -0.2]])
    head(x)

    def loss_fn():
        return tf.reduce_mean((head(x) - 0.25) ** 2)

    return loss_fn, {"kernel": head.kernel.value}
