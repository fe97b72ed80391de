"""tf.gradients is asked in eager mode."""

import tensorflow as tf

CAUSE = "api-misuse"
EXPECT = {"w": "raises"}
CUT = "slope = tf.gradients(score, x)[0]"


def run():
    w, x = tf.Variable([0.5, -0.3]), tf.constant([1.0, 2.0])

    def loss_fn():
        score = tf.reduce_sum(tf.tanh(x * w))
        slope = tf.gradients(score, x)[0]
        return tf.reduce_sum(slope**2)

    return loss_fn, {"w": w}
