"""Row and column are made from an argmax: rounding stands on one of two ways, the argmax on both."""

import tensorflow as tf

CAUSE = "argmax"
EXPECT = {"scores": "none"}
CUT = "best = tf.cast(tf.argmax(scores), tf.float32)"


def run():
    scores = tf.Variable([0.2, 1.4, 0.3, 0.9, 0.1, 2.2])

    def loss_fn():
        best = tf.cast(tf.argmax(scores), tf.float32)
        row = tf.floor(best / 3.0)
        column = best - row * 3.0
        return tf.square(row - 0.5) + tf.square(column - 0.5)

    return loss_fn, {"scores": scores}
