"""A linear recurrence with a spectral radius of three: the early inputs' gradient is beyond any learning rate."""

import tensorflow as tf

CAUSE = "exploding"
EXPECT = {"start": "large", "bias": "ok"}
CUT = "h = tf.matmul(h, w) + x"


def run():
    w, x = 3.0 * tf.eye(3), tf.random.stateless_normal((2, 3), (4, 7))
    start, bias = tf.Variable(tf.ones((2, 3))), tf.Variable(tf.zeros((3,)))

    def loss_fn():
        h = tf.identity(start)
        for _ in range(20):
            h = tf.matmul(h, w) + x
        return tf.reduce_mean(h + bias)

    return loss_fn, {"start": start, "bias": bias}
