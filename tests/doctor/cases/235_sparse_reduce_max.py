"""Row maxima of a sparse tensor."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"vals": "raises"}
CUT = "top = tf.sparse.reduce_max(sp, axis=1)"


def run():
    vals = tf.Variable([1.0, 3.0, 2.0])

    def loss_fn():
        sp = tf.SparseTensor([[0, 0], [0, 2], [1, 1]], vals * 2.0, [2, 3])
        top = tf.sparse.reduce_max(sp, axis=1)
        return tf.reduce_sum(top)

    return loss_fn, {"vals": vals}
