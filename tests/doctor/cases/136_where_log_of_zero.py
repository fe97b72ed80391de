"""tf.where guards the value of x*log(x) at 0, not its gradient."""

import tensorflow as tf

CAUSE = "nan-where"
EXPECT = {"p": "not finite"}
CUT = "logs = tf.math.log(p)"


def run():
    p = tf.Variable([0.5, 0.0, 0.5])

    def loss_fn():
        logs = tf.math.log(p)
        return -tf.reduce_sum(tf.where(p > 0.0, p * logs, tf.zeros_like(p)))

    return loss_fn, {"p": p}
