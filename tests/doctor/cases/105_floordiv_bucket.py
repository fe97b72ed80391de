"""Position buckets by floor division, then a linear layer on the bucket number."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"offset": "none", "slope": "ok"}
CUT = "bucket = (offset + t) // 0.5"


def run():
    offset, slope = tf.Variable(0.3), tf.Variable(0.7)
    t = tf.constant([0.1, 0.9, 1.4, 2.2])

    def loss_fn():
        bucket = (offset + t) // 0.5
        return tf.reduce_mean((slope * bucket - 1.0) ** 2)

    return loss_fn, {"offset": offset, "slope": slope}
