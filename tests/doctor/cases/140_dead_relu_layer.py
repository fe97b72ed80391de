"""A functional model whose hidden layer is dead: bias far below zero."""

import keras
import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"first": "zero", "second": "zero", "out_bias": "ok"}
CUT = "out = model(x)"


def run():
    keras.utils.set_random_seed(8)
    inp = keras.Input((3,))
    first = keras.layers.Dense(4, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))
    second = keras.layers.Dense(1)
    model = keras.Model(inp, second(first(inp)))
    x = tf.random.normal((5, 3))

    def loss_fn():
        out = model(x)
        return tf.reduce_mean((out - 1.0) ** 2)

    return loss_fn, {"first": first.kernel.value, "second": second.kernel.value, "out_bias": second.bias.value}
