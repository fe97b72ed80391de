"""Every step of a deep stack passes on a fraction of the gradient: what reaches the first layer is a number, and no use."""

import tensorflow as tf

CAUSE = "vanishing"
EXPECT = {"first": "small", "last": "ok"}
CUT = "h = tf.sigmoid(tf.linalg.matmul(h, w))"


def run():
    weights = [tf.Variable(0.5 * tf.eye(4)) for _ in range(24)]
    x = tf.random.stateless_normal((5, 4), (4, 8))

    def loss_fn():
        h = x
        for w in weights:
            h = tf.sigmoid(tf.linalg.matmul(h, w))
        return tf.reduce_mean(h**2)

    return loss_fn, {"first": weights[0], "last": weights[-1]}
