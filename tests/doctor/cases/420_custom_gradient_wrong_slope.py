"""A smooth ramp with a backward pass of its own, which is not the ramp's slope."""

import tensorflow as tf

CAUSE = "custom-gradient"
EXPECT = {"gain": "wrong", "scale": "ok"}
CUT = "return scale * tf.reduce_sum(ramp(x * gain) ** 2)"


@tf.custom_gradient
def ramp(z):
    y = tf.math.softplus(2.0 * z)

    def backward(upstream):
        return upstream * tf.sigmoid(2.0 * z)

    return y, backward


def run():
    gain, scale = tf.Variable([0.5, -0.8, 1.1]), tf.Variable(0.3)
    x = tf.constant([1.0, 2.0, -0.5])

    def loss_fn():
        return scale * tf.reduce_sum(ramp(x * gain) ** 2)

    return loss_fn, {"gain": gain, "scale": scale}
