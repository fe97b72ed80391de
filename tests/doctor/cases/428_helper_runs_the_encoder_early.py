"""A helper function runs the first layer, above the tape."""

import keras
import tensorflow as tf

CAUSE = "before-tape"
FORM = "tape"
EXPECT = {"encoder": "none", "head": "ok"}
CUT = "code = compress(x)"


def run(Tape=tf.GradientTape):
    encoder, head, x = keras.layers.GRU(2), keras.layers.Dense(1), tf.ones((1, 3, 2))

    def compress(batch):
        return encoder(batch)

    head(compress(x))
    code = compress(x)
    with Tape() as tape:
        loss = tf.reduce_sum(head(code))
    return tape.gradient(loss, {"encoder": encoder.cell.kernel.value, "head": head.kernel.value})
