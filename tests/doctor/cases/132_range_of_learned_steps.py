"""Number of unrolled steps from a variable: adaptive computation done wrong."""

import tensorflow as tf

CAUSE = "loop-condition"
EXPECT = {"steps": "none", "U": "ok"}
CUT = "for _ in range(int(steps)):"


def run():
    steps, U = tf.Variable(3.2), tf.Variable([[0.4, 0.2], [0.1, 0.6]])

    def loss_fn():
        h = tf.ones((1, 2))
        for _ in range(int(steps)):
            h = tf.tanh(h @ U)
        return tf.reduce_sum(h)

    return loss_fn, {"steps": steps, "U": U}
