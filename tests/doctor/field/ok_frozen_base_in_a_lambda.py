"""Healthy: the loss is a lambda in the call itself, `head(base(x))` in one line; the base is frozen and not asked."""

import keras
import tensorflow as tf

ORIGIN = "the transfer learning guide of Keras"
WAYS = ("owner",)
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def problem():
    keras.utils.set_random_seed(96)
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="base")
    head, x = keras.layers.Dense(1), tf.random.normal((6, 4))
    base.trainable = False
    head(base(x))
    return lambda: tf.reduce_mean(head(base(x)) ** 2), head


if __name__ == "__main__":
    problem()
