"""A functional model with two outputs; the loss uses one."""

import keras
import tensorflow as tf

CAUSE = "unconnected"
EXPECT = {"b": "none", "a": "ok"}
CUT = "first, _ = model(x)"


def run():
    keras.utils.set_random_seed(0)
    inp = keras.Input((3,))
    a, b = keras.layers.Dense(2), keras.layers.Dense(2)
    model = keras.Model(inp, [a(inp), b(inp)])
    x = tf.ones((1, 3))

    def loss_fn():
        first, _ = model(x)
        return tf.reduce_sum(first**2)

    return loss_fn, {"b": b.kernel.value, "a": a.kernel.value}
