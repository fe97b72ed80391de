"""A character model that learns to count: predicts the next of ten tokens.

The fault: token ids are chosen by `argmax` inside the model and compared with the target ids. argmax has no gradient, so
not one weight learns.
"""

import sys

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
MENDED = "--mended" in sys.argv


class Writer(keras.Model):
    def __init__(self):
        super().__init__()
        self.embed = keras.layers.Embedding(10, 8)
        self.memory = keras.layers.GRU(16)
        self.out = keras.layers.Dense(10)

    def call(self, ids):
        logits = self.out(self.memory(self.embed(ids)))
        if MENDED:
            return logits
        chosen = tf.argmax(logits, axis=-1)
        return tf.one_hot(chosen, 10)


start = np.random.RandomState(0).randint(0, 10, (128, 1))
x = (start + np.arange(6)) % 10
y = (start[:, 0] + 6) % 10

keras.utils.set_random_seed(0)
model = Writer()
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model(x[:1])
watch = gradlab.Watch(view="lines", stop_on=("none",))
try:
    model.fit(x, y, batch_size=32, epochs=3, verbose=0, callbacks=[watch])
except ValueError as error:  # Keras refuses to train when no variable has a gradient
    print(f"Keras: {str(error)[:60]} ...")
    print(gradlab.explain(model, x[:32], y[:32], level="quick"))
