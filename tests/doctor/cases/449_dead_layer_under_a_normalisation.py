"""Every unit of a ReLU is off, and a normalisation layer stands between it and the loss."""

import keras
import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"dead": "zero", "after": "ok"}
CUT = "hidden = tf.nn.relu(first(x) - 50.0)"


def run():
    keras.utils.set_random_seed(5)
    first, second, norm = keras.layers.Dense(4), keras.layers.Dense(3), keras.layers.LayerNormalization()
    x, other = tf.random.normal((6, 2)), tf.random.normal((6, 3))
    first(x), second(tf.zeros((1, 4))), norm(other)

    def loss_fn():
        hidden = tf.nn.relu(first(x) - 50.0)
        return tf.reduce_mean(norm(second(hidden) + other) ** 3)

    return loss_fn, {"dead": first.kernel.value, "after": second.bias.value}
