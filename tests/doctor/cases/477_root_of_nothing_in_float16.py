"""The length of a vector of zeros in float16, under a loss scale: the slope of the root is infinite in every dtype."""

import tensorflow as tf

CAUSE = "nan-sqrt-norm"
EXPECT = {"shift": "not finite"}
CUT = "length = tf.sqrt(tf.reduce_sum(tf.cast(shift, tf.float16) ** 2))"


def run():
    shift = tf.Variable([0.0, 0.0, 0.0])

    def loss_fn():
        length = tf.sqrt(tf.reduce_sum(tf.cast(shift, tf.float16) ** 2))
        return tf.cast(length, tf.float32) * 1024.0

    return loss_fn, {"shift": shift}
