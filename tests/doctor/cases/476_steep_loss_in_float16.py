"""The slope of a steep penalty is more than float16 can hold, while the loss itself fits. No loss scale is used."""

import tensorflow as tf

CAUSE = "nan-overflow"
EXPECT = {"gap": "not finite"}
CUT = "return tf.reduce_sum(1.0 / room)"


def run():
    gap = tf.Variable([0.003, 0.5])

    def loss_fn():
        room = tf.cast(gap, tf.float16)
        return tf.reduce_sum(1.0 / room)

    return loss_fn, {"gap": gap}
