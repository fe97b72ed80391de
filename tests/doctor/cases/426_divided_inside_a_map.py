"""The function of tf.map_fn divides by zero and hides it behind where."""

import tensorflow as tf

CAUSE = "nan-where"
EXPECT = {"w": "not finite"}
CUT = "share = 1.0 / area"
CUT_ALSO = ("return tf.where(area > 0.0, share, 0.0)",)


def side(area):
    share = 1.0 / area
    return tf.where(area > 0.0, share, 0.0)


def run():
    w, areas = tf.Variable(2.0), tf.constant([1.0, 0.0, 4.0])

    def loss_fn():
        return tf.reduce_sum(tf.map_fn(side, areas * w))

    return loss_fn, {"w": w}
