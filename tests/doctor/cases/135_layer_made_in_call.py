"""One of two layers is created inside call(): the list is too short."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "ok", "missing", "missing"]
CUT = "return keras.layers.Dense(1)(self.inner(x))"


class Head(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dense(4)

    def call(self, x):
        return keras.layers.Dense(1)(self.inner(x))


def run():
    keras.utils.set_random_seed(0)
    head, x = Head(), tf.ones((2, 3))
    head.inner.build((2, 3))

    def loss_fn():
        return tf.reduce_mean(head(x) ** 2)

    return loss_fn, (lambda: head.trainable_variables), head
