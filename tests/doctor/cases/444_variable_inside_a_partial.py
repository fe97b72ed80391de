"""A partial function holds a variable, where a tf.Module does not look."""

import functools

import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "missing"]
CUT = "self.squash = functools.partial(squash, steepness=tf.Variable(1.5))"


def squash(x, steepness):
    return tf.tanh(steepness * x)


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable([[0.3], [0.9]])
        self.squash = functools.partial(squash, steepness=tf.Variable(1.5))

    def __call__(self, x):
        return self.squash(x @ self.w)


def run():
    net, x = Net(), tf.constant([[1.0, 0.5]])

    def loss_fn():
        return tf.reduce_sum(net(x))

    return loss_fn, (lambda: net.trainable_variables), net
