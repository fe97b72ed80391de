"""Two halves write the same row of a merged matrix; the op hands both the gradient of the one that stayed."""

import tensorflow as tf

CAUSE = "wrong-op-gradient"
EXPECT = {"first": "wrong", "second": "ok"}
CUT = "rows = tf.dynamic_stitch([[0, 1], [1, 2]], [tf.sin(first), tf.exp(second)])"


def run():
    first, second = tf.Variable([[0.4], [1.2]]), tf.Variable([[0.1], [-0.3]])

    def loss_fn():
        rows = tf.dynamic_stitch([[0, 1], [1, 2]], [tf.sin(first), tf.exp(second)])
        return tf.reduce_sum(rows * [[1.0], [2.0], [3.0]])

    return loss_fn, {"first": first, "second": second}
