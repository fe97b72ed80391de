"""Hard attention: one-hot of the best key."""

import tensorflow as tf

CAUSE = "argmax"
EXPECT = {"query": "none", "values": "ok"}
CUT = "best = tf.one_hot(tf.argmax(keys @ query[:, None], axis=0), 3)"


def run():
    query, values = tf.Variable([0.3, -0.7]), tf.Variable([[1.0], [2.0], [3.0]])
    keys = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])

    def loss_fn():
        best = tf.one_hot(tf.argmax(keys @ query[:, None], axis=0), 3)
        return tf.reduce_sum((best @ values) ** 2)

    return loss_fn, {"query": query, "values": values}
