"""A learned position is truncated with int() and used as an index."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"pos": "none", "table": "ok"}
CUT = "row = table[int(pos)]"


def run():
    pos, table = tf.Variable(1.9), tf.Variable([[1.0], [2.0], [4.0]])

    def loss_fn():
        row = table[int(pos)]
        return tf.reduce_sum(row**2)

    return loss_fn, {"pos": pos, "table": table}
