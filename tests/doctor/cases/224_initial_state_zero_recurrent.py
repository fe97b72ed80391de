"""One step from a zero state: the recurrent kernel's gradient is exactly zero (claim S1)."""

import keras
import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"kernel": "ok", "recurrent": "zero"}
CUT = "out = rnn(x)"


def run():
    keras.utils.set_random_seed(1)
    rnn, x = keras.layers.SimpleRNN(3), tf.random.normal((2, 1, 2))
    rnn(x)

    def loss_fn():
        out = rnn(x)
        return tf.reduce_sum(out**2)

    return loss_fn, {"kernel": rnn.cell.kernel.value, "recurrent": rnn.cell.recurrent_kernel.value}
