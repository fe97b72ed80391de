"""The loss counts errors: an integer."""

import tensorflow as tf

CAUSE = "comparison"
EXPECT = {"w": "none"}
CUT = "wrong = tf.math.count_nonzero(tf.linalg.matvec(x, w) < 0.0)"


def run():
    w, x = tf.Variable([1.0, -2.0]), tf.constant([[1.0, 2.0], [3.0, 0.5]])

    def loss_fn():
        wrong = tf.math.count_nonzero(tf.linalg.matvec(x, w) < 0.0)
        return wrong

    return loss_fn, {"w": w}
