"""A Keras 3 layer with a Python list of raw variables."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "self.mats = [tf.Variable(tf.eye(2)) for _ in range(2)]"


class Stack(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.mats = [tf.Variable(tf.eye(2)) for _ in range(2)]

    def call(self, x):
        for m in self.mats:
            x = tf.tanh(x @ m)
        return x


def run():
    layer, x = Stack(), tf.constant([[1.0, 2.0]])
    layer(x)

    def loss_fn():
        return tf.reduce_sum(layer(x) ** 2)

    return loss_fn, (lambda: layer.trainable_variables), layer
