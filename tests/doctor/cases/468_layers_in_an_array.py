"""A grid of cells is kept in a NumPy array of objects: a model looks into lists and dicts, not into arrays."""

import keras
import numpy as np
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "missing", "missing"]
CUT = "self.cells = np.empty(2, dtype=object)"


class Grid(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1, use_bias=False)
        self.cells = np.empty(2, dtype=object)
        for n in range(2):
            self.cells[n] = keras.layers.Dense(2, use_bias=False)

    def call(self, x):
        for cell in self.cells:
            x = tf.tanh(cell(x))
        return self.out(x)


def run():
    model, x = Grid(), tf.constant([[0.5, 1.0], [2.0, -1.0]])
    model(x)
    return lambda: tf.reduce_mean((model(x) - 1.0) ** 2), lambda: model.trainable_variables, model
