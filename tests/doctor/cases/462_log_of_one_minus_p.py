"""Cross entropy by hand: a probability has rounded to 1, the log of its rest is minus infinity, and 0 times that is NaN."""

import tensorflow as tf

CAUSE = "nan-forward"
EXPECT = {"w": "not finite"}
CUT = "rest = tf.math.log(1.0 - p)"


def run():
    w, x, y = tf.Variable([30.0]), tf.constant([1.0, -0.1]), tf.constant([1.0, 0.0])

    def loss_fn():
        p = tf.sigmoid(w * x)
        rest = tf.math.log(1.0 - p)
        return -tf.reduce_mean(y * tf.math.log(p) + (1.0 - y) * rest)

    return loss_fn, {"w": w}
