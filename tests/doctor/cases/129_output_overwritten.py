"""Encoder-decoder: the context is overwritten by zeros before decoding (claim E4 in another shape)."""

import keras
import tensorflow as tf

CAUSE = "unconnected"
EXPECT = {"enc": "none", "dec": "ok"}
CUT = "context = enc(x)"


def run():
    keras.utils.set_random_seed(3)
    enc, dec = keras.layers.LSTM(3), keras.layers.Dense(1)
    x = tf.random.normal((2, 3, 2))
    dec(enc(x))

    def loss_fn():
        context = enc(x)
        context = tf.ones((2, 3))
        return tf.reduce_mean(dec(context))

    return loss_fn, {"enc": enc.cell.kernel.value, "dec": dec.kernel.value}
