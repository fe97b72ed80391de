"""A method returns the weights of one of the two layers."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "ok", "ok", "missing", "missing"]
CUT = "return self.first.trainable_weights"


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.SimpleRNN(2), keras.layers.Dense(1)

    def call(self, x):
        return self.second(self.first(x))

    def to_train(self):
        return self.first.trainable_weights


def run():
    model, x = Two(), tf.ones((1, 2, 2))
    model(x)

    def loss_fn():
        return tf.reduce_sum(model(x) ** 2)

    return loss_fn, model.to_train, model
