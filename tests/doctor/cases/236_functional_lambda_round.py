"""A functional model with a rounding Lambda layer in the middle."""

import keras
import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"front": "none", "back": "ok"}
CUT = "snap = keras.layers.Lambda(lambda t: keras.ops.round(t))"


def run():
    keras.utils.set_random_seed(0)
    inp = keras.Input((3,))
    front, back = keras.layers.Dense(4), keras.layers.Dense(1)
    snap = keras.layers.Lambda(lambda t: keras.ops.round(t))
    model = keras.Model(inp, back(snap(front(inp))))
    x = tf.random.normal((5, 3)) * 3.0

    def loss_fn():
        return tf.reduce_mean(model(x) ** 2)

    return loss_fn, {"front": front.kernel.value, "back": back.kernel.value}
