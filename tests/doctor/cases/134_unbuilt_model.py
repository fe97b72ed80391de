"""The list of variables is taken before the first call."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "return tf.reduce_mean(net(x) ** 2)"
CUT_ALSO = ("net = keras.Sequential([keras.layers.GRU(3), keras.layers.Dense(1)])",)


def run():
    net = keras.Sequential([keras.layers.GRU(3), keras.layers.Dense(1)])
    x = tf.random.normal((2, 3, 2))

    def loss_fn():
        return tf.reduce_mean(net(x) ** 2)

    return loss_fn, (lambda: net.trainable_variables), net
