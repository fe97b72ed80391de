"""A Keras layer inside a tf.Module: the module's list does not see the layer's Keras 3 variables."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "self.cell = keras.layers.Dense(3)"


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.cell = keras.layers.Dense(3)
        self.cell.build((None, 2))

    def __call__(self, x):
        return self.cell(x)


def run():
    net, x = Net(), tf.ones((1, 2))

    def loss_fn():
        return tf.reduce_sum(net(x) ** 2)

    return loss_fn, (lambda: [v for v in net.trainable_variables if False]), net
