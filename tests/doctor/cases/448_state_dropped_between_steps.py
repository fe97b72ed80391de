"""A decoder gives its recurrent layer one step at a time and never the last state."""

import keras
import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"recurrent": "zero", "kernel": "ok"}
CUT = "out = rnn(x[:, t : t + 1])"


def run():
    keras.utils.set_random_seed(2)
    rnn, x = keras.layers.SimpleRNN(3), tf.random.normal((2, 4, 2))
    rnn(x)

    def loss_fn():
        total = 0.0
        for t in range(4):
            out = rnn(x[:, t : t + 1])
            total += tf.reduce_sum(out**2)
        return total

    kernel, recurrent, _ = rnn.trainable_variables
    return loss_fn, {"recurrent": recurrent, "kernel": kernel}
