"""The list is copied before the model has any weights."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "mine = list(model.trainable_variables)"


class Tagger(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = keras.layers.LSTM(3), keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.rnn(x))


def run():
    model, x = Tagger(), tf.ones((2, 3, 2))
    mine = list(model.trainable_variables)

    def loss_fn():
        return tf.reduce_mean(model(x) ** 2)

    return loss_fn, (lambda: mine), model
