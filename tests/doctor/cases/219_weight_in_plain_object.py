"""A gate object that is no layer hides its variable from the layer."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "ok", "missing"]
CUT = "self.alpha = tf.Variable(0.3)"
CUT_ALSO = ("self.gate = Gate()",)


class Gate:
    def __init__(self):
        self.alpha = tf.Variable(0.3)


class Gated(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)
        self.gate = Gate()

    def call(self, x):
        return self.dense(x) * self.gate.alpha


def run():
    layer, x = Gated(), tf.ones((1, 3))
    layer(x)

    def loss_fn():
        return tf.reduce_sum(layer(x) ** 2)

    return loss_fn, (lambda: layer.trainable_variables), layer
