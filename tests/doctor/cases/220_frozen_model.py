"""The model was frozen for transfer learning and the list is empty."""

import keras
import tensorflow as tf

CAUSE = "non-trainable"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "net.trainable = False"


def run():
    net, x = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)]), tf.ones((1, 3))
    net(x)
    net.trainable = False

    def loss_fn():
        return tf.reduce_sum(net(x) ** 2)

    return loss_fn, (lambda: net.trainable_variables), net
