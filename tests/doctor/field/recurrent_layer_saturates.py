"""The inputs of an LSTM are pixels from 0 to 255 with large weights: every gate is shut flat."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#2467-like reports (unscaled inputs)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = False
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(59)
    layer = keras.layers.SimpleRNN(3, kernel_initializer="ones", use_bias=False)
    x = tf.random.uniform((2, 4, 3), 50.0, 255.0)
    layer(x)
    with Tape() as tape:
        h = layer(x)  # <-- cut
        loss = tf.reduce_mean((h - 0.5) ** 2)
    return {"kernel": tape.gradient(loss, layer.trainable_variables[0])}


if __name__ == "__main__":
    run()
