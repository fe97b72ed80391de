"""log of a zero padded column, sliced away afterwards."""

import tensorflow as tf

CAUSE = "nan-where"
EXPECT = {"w": "not finite"}
CUT = "logs = tf.math.log(w * pad)"


def run():
    w, pad = tf.Variable([1.0, 2.0, 3.0]), tf.constant([1.0, 1.0, 0.0])

    def loss_fn():
        logs = tf.math.log(w * pad)
        return tf.reduce_sum(logs[:2])

    return loss_fn, {"w": w}
