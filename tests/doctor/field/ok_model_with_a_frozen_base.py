"""Healthy: a model is asked whose base is frozen; its frozen weights are in no list of trainable ones, as they should."""

import keras
import tensorflow as tf

ORIGIN = "the transfer learning guide of Keras"
WAYS = ("owner",)
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def problem():
    keras.utils.set_random_seed(97)
    base = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3)], name="base")
    base.trainable = False
    net, x = keras.Sequential([base, keras.layers.Dense(1)]), tf.random.normal((6, 4, 2))
    net(x)

    def loss_fn():
        return tf.reduce_mean((net(x) - 1.0) ** 2)

    return loss_fn, net


if __name__ == "__main__":
    problem()
