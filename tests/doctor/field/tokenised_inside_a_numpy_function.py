"""A compiled step sends the GRU's output through tf.numpy_function to smooth it with NumPy."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#27519"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "py-function"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(53)
    gru, x = keras.layers.GRU(3, return_sequences=True), tf.random.normal((2, 6, 2))
    gru(x)

    def smooth(h):
        return (h + np.roll(h, 1, axis=1)) / 2

    def step(x):
        with Tape() as tape:
            h = tf.numpy_function(smooth, [gru(x)], tf.float32)  # <-- cut
            loss = tf.reduce_mean((tf.ensure_shape(h, (2, 6, 3)) - 0.2) ** 2)
        return tape.gradient(loss, gru.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
