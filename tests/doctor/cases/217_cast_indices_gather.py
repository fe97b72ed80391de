"""The same in TensorFlow: the position is cast to int32 inside tf.gather."""

import tensorflow as tf

CAUSE = "integer-cast"
EXPECT = {"pos": "none", "table": "ok"}
CUT = "row = tf.gather(table, tf.cast(pos * 2.0, tf.int32))"


def run():
    pos, table = tf.Variable(0.6), tf.Variable([[1.0], [2.0], [4.0]])

    def loss_fn():
        row = tf.gather(table, tf.cast(pos * 2.0, tf.int32))
        return tf.reduce_sum(row**2)

    return loss_fn, {"pos": pos, "table": table}
