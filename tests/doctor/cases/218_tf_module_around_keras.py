"""A tf.Module holds Keras 3 layers: trainable_variables of the module is empty."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "self.rnn = keras.layers.GRU(3)"


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.rnn = keras.layers.GRU(3)

    def __call__(self, x):
        return self.rnn(x)


def run():
    net, x = Net(), tf.ones((2, 3, 2))
    net(x)

    def loss_fn():
        return tf.reduce_sum(net(x) ** 2)

    return loss_fn, (lambda: net.trainable_variables), net
