"""A script as people have it: plain `fit`, and two layers that get no gradient, each for its own reason."""

import numpy as np
import tensorflow as tf

L = tf.keras.layers


class Model(tf.keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.first = L.Dense(3, name="first")
        self.unused = L.Dense(2, name="unused")
        self.last = L.Dense(1, name="last")

    def call(self, x):
        hidden = tf.stop_gradient(self.first(x))
        aside = self.unused(x)
        assert aside is not None
        return self.last(hidden)


model = Model()
model.compile("sgd", "mse")
model.fit(np.ones((8, 4), "float32"), np.ones((8, 1), "float32"), verbose=0)
