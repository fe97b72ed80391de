"""Stateful LSTM over two chunks: the loss on the second chunk does not reach the first chunk's input scale."""

import keras
import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"gain": "none", "kernel": "wrong"}
CUT = "lstm(first * gain)"


def run():
    keras.utils.set_random_seed(6)
    lstm, gain = keras.layers.LSTM(3, stateful=True), tf.Variable(2.0)
    first, second = tf.random.normal((2, 3, 2)), tf.random.normal((2, 3, 2))
    lstm(first)
    lstm.reset_states()

    def loss_fn():
        lstm(first * gain)
        return tf.reduce_sum(lstm(second))

    return loss_fn, {"gain": gain, "kernel": lstm.cell.kernel.value}
