"""A custom gradient with two inputs gives a gradient for the first only."""

import tensorflow as tf

CAUSE = "custom-gradient"
EXPECT = {"gain": "none", "w": "ok"}
CUT = "y = scaled(x @ w, tf.identity(gain))"
CUT_ALSO = ("return x * gain, grad", "return dy * gain, None")


@tf.custom_gradient
def scaled(x, gain):
    def grad(dy):
        return dy * gain, None

    return x * gain, grad


def run():
    w, gain = tf.Variable([[0.5], [1.0]]), tf.Variable(3.0)
    x = tf.constant([[1.0, 2.0], [0.5, -1.0]])

    def loss_fn():
        y = scaled(x @ w, tf.identity(gain))
        return tf.reduce_sum(y**2)

    return loss_fn, {"gain": gain, "w": w}
