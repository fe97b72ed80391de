"""tf.unique on activations: the registry has no gradient for it."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"w": "raises"}
CUT = "values, _ = tf.unique(tf.nn.relu(w))"


def run():
    w = tf.Variable([1.0, -2.0, 3.0, 3.0])

    def loss_fn():
        values, _ = tf.unique(tf.nn.relu(w))
        return tf.reduce_sum(values**2)

    return loss_fn, {"w": w}
