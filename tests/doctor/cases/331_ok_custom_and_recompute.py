"""Healthy: tf.recompute_grad, tf.scan, tf.map_fn and a while_loop in a tf.function."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "u": "ok"}
CUT = ""


def run():
    w, u = tf.Variable([0.3, 0.8]), tf.Variable(0.5)
    xs = tf.constant([[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]])

    @tf.function
    def body(v):
        _, s = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * u + v), [tf.constant(0), v])
        return s

    def loss_fn():
        deep = tf.recompute_grad(lambda v: tf.tanh(v * w))
        hs = tf.scan(lambda h, x: tf.tanh(h * u + x), xs, initializer=tf.zeros(2))
        ms = tf.map_fn(lambda x: x * w, xs)
        return tf.reduce_sum(deep(xs)) + tf.reduce_sum(hs**2) + tf.reduce_sum(body(ms) ** 2)

    return loss_fn, {"w": w, "u": u}
