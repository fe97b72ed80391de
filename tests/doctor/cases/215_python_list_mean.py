"""Per-step losses are collected as Python floats and averaged."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"U": "none"}
CUT = "losses.append(tf.reduce_sum(h**2).numpy())"


def run():
    U = tf.Variable([[0.5, 0.1], [0.2, 0.3]])
    v = tf.Variable(1.0)

    def loss_fn():
        h, losses = tf.ones((1, 2)), []
        for _ in range(3):
            h = tf.tanh(h @ U)
            losses.append(tf.reduce_sum(h**2).numpy())
        return v * tf.reduce_mean(tf.constant(losses))

    return loss_fn, {"U": U}
