"""Truncation by accident: the hidden state is carried through NumPy at every step."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"U": "wrong", "W": "wrong"}
CUT = "h = tf.constant(h.numpy())"


def run():
    W, U = tf.Variable([[0.6, -0.3]]), tf.Variable([[0.5, 0.3], [-0.4, 0.9]])
    x = tf.constant([[[0.5], [1.0], [-0.7]]])

    def loss_fn():
        h = tf.zeros((1, 2))
        for t in range(3):
            h = tf.constant(h.numpy())
            h = tf.tanh(x[:, t] @ W + h @ U)
        return tf.reduce_sum(h)

    return loss_fn, {"U": U, "W": W}
