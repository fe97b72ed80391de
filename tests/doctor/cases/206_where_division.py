"""Mean over valid steps: 0/0 in rows without any valid step, hidden by tf.where."""

import tensorflow as tf

CAUSE = "nan-where"
EXPECT = {"w": "not finite"}
CUT = "mean = tf.reduce_sum(vals * mask, 1) / tf.reduce_sum(mask * w, 1)"


def run():
    w = tf.Variable([1.0, 2.0, 3.0])
    vals, mask = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tf.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])

    def loss_fn():
        mean = tf.reduce_sum(vals * mask, 1) / tf.reduce_sum(mask * w, 1)
        safe = tf.where(tf.reduce_sum(mask, 1) > 0, mean, 0.0)
        return tf.reduce_sum(safe)

    return loss_fn, {"w": w}
