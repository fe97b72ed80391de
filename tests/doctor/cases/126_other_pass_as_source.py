"""The hidden sequence that is asked for comes from another forward pass than the loss."""

import keras
import tensorflow as tf

CAUSE = "wrong-source"
EXPECT = {"hidden": "none", "kernel": "ok"}
WATCH = ("hidden",)
CUT = "hidden = lstm(x)"


def run():
    keras.utils.set_random_seed(0)
    lstm, head = keras.layers.LSTM(3, return_sequences=True), keras.layers.Dense(1)
    x = tf.random.normal((2, 4, 2))
    hidden = lstm(x)
    head(hidden)

    def loss_fn():
        return tf.reduce_mean(head(lstm(x)) ** 2)

    return loss_fn, {"hidden": hidden, "kernel": lstm.cell.kernel.value}
