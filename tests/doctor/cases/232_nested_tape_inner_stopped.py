"""Meta-learning: the inner gradient is turned into a constant before the outer loss."""

import tensorflow as tf

CAUSE = "stop-gradient"
EXPECT = {"w": "wrong"}
CUT = "fast = w - 0.1 * tf.stop_gradient(inner.gradient(first, w))"


def run():
    w = tf.Variable([1.0, -2.0])

    def loss_fn():
        with tf.GradientTape() as inner:
            first = tf.reduce_sum(w**4)
        fast = w - 0.1 * tf.stop_gradient(inner.gradient(first, w))
        return tf.reduce_sum(fast**2)

    return loss_fn, {"w": w}
