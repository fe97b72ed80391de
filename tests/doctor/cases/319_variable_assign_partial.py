"""A running average in a variable takes part in the loss."""

import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"w": "wrong"}
CUT = "avg.assign(0.5 * avg + 0.5 * tf.reduce_mean(w**2))"


def run():
    w, avg = tf.Variable([1.0, 3.0]), tf.Variable(1.0, trainable=False)

    def loss_fn():
        avg.assign(0.5 * avg + 0.5 * tf.reduce_mean(w**2))
        return tf.reduce_sum(w) * avg

    return loss_fn, {"w": w}
