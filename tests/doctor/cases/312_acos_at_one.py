"""Angle between equal unit vectors: acos at 1."""

import tensorflow as tf

CAUSE = "nan-sqrt-norm"
EXPECT = {"u": "not finite"}
CUT = "angle = tf.acos(tf.reduce_sum(a * a))"


def run():
    u = tf.Variable([3.0, 4.0])

    def loss_fn():
        a = u / tf.stop_gradient(tf.norm(u))
        angle = tf.acos(tf.reduce_sum(a * a))
        return angle**2

    return loss_fn, {"u": u}
