"""Reverse a sequence with an encoder, a decoder and attention.

The fault: the context that attention makes is computed, and then the decoder's own state goes to the output alone. The
encoder and the attention get no gradient.
"""

import sys

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
MENDED = "--mended" in sys.argv


class Reverse(keras.Model):
    def __init__(self):
        super().__init__()
        self.embed = keras.layers.Embedding(12, 8)
        self.encoder = keras.layers.GRU(12, return_sequences=True, name="encoder")
        self.decoder = keras.layers.GRU(12, return_sequences=True, name="decoder")
        self.query = keras.layers.Dense(12, name="query")
        self.out = keras.layers.Dense(12)

    def call(self, inputs):
        source, shifted = inputs
        states = self.encoder(self.embed(source))
        own = self.decoder(self.embed(shifted))
        scores = tf.matmul(self.query(own), states, transpose_b=True)
        context = tf.matmul(tf.nn.softmax(scores), states)
        if MENDED:
            return self.out(tf.concat([own, context], -1))
        return self.out(tf.concat([own, own], -1))


source = np.random.RandomState(0).randint(1, 12, (128, 5))
target = source[:, ::-1]
shifted = np.concatenate([np.zeros((128, 1), int), target[:, :-1]], 1)

keras.utils.set_random_seed(0)
model = Reverse()
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model((source[:1], shifted[:1]))
watch = gradlab.Watch(view="lines", stop_on=("none",))
model.fit((source, shifted), target, batch_size=32, epochs=2, verbose=0, callbacks=[watch])
