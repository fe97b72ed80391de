"""Healthy: gradient reversal by custom_gradient, an inactive clip, tf.sort, where on data, layer norm."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "g": "ok"}
CUT = ""


@tf.custom_gradient
def reverse(x):
    return tf.identity(x), lambda dy: -dy


def run():
    w, g = tf.Variable([0.3, -1.0, 0.7]), tf.Variable([1.0, 2.0, 0.5])

    def loss_fn():
        h = reverse(tf.tanh(w)) * g
        h = tf.sort(tf.clip_by_value(h, -9.0, 9.0))
        mean, var = tf.nn.moments(h, 0)
        h = (h - mean) / tf.sqrt(var + 1e-3)
        return tf.reduce_sum(tf.where(h > 0.0, h, 0.2 * h) * [1.0, 2.0, 3.0])

    return loss_fn, {"w": w, "g": g}
