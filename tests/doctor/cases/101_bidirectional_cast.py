"""Bidirectional encoder whose sequence output is quantised to int8 before the head."""

import keras
import tensorflow as tf

CAUSE = "integer-cast"
EXPECT = {"forward": "none", "head": "ok"}
CUT = 'codes = keras.ops.cast(seq * 20.0, "int8")'


def run():
    keras.utils.set_random_seed(1)
    both = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))
    head, x = keras.layers.Dense(1), tf.random.normal((2, 4, 3))
    head(tf.cast(both(x), tf.float32))

    def loss_fn():
        seq = both(x)
        codes = keras.ops.cast(seq * 20.0, "int8")
        return tf.reduce_mean(head(tf.cast(codes, tf.float32)) ** 2)

    return loss_fn, {"forward": both.forward_layer.cell.kernel.value, "head": head.kernel.value}
