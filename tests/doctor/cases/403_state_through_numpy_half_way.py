"""Half way the state goes through NumPy: the first part of the loop is cut off, its outputs are not in the loss."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"start": "zero", "U": "wrong"}
CUT = "h = tf.constant(h.numpy())"


def run():
    start = tf.Variable([[0.4, -0.2]])
    U = tf.Variable([[0.9, -0.3], [0.5, 0.7]])

    def loss_fn():
        h, outs = start, []
        for t in range(6):
            if t == 3:
                h = tf.constant(h.numpy())
            h = tf.tanh(tf.matmul(h, U) + 0.1)
            outs.append(h)
        return tf.reduce_sum(tf.stack(outs, 1)[:, -1] ** 2)

    return loss_fn, {"start": start, "U": U}
