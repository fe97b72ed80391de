"""The encoder's state is wrapped in a new tf.Variable before decoding."""

import keras
import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"encoder": "none", "decoder": "ok"}
CUT = "start = tf.Variable(encoder(x))"


def run():
    keras.utils.set_random_seed(5)
    encoder, decoder = keras.layers.GRU(3), keras.layers.GRU(3)
    x, y = tf.random.normal((2, 4, 2)), tf.random.normal((2, 3, 1))
    decoder(y, initial_state=encoder(x))

    def loss_fn():
        start = tf.Variable(encoder(x))
        return tf.reduce_mean(decoder(y, initial_state=start + 0.0) ** 2)

    return loss_fn, {"encoder": encoder.cell.kernel.value, "decoder": decoder.cell.kernel.value}
