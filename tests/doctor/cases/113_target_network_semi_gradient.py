"""TD learning: the bootstrap target is stopped on purpose."""

import tensorflow as tf

CAUSE = "stop-gradient"
EXPECT = {"q": "wrong"}
CUT = "target = tf.stop_gradient(r + 0.9 * tf.reduce_max(nxt @ q, axis=1))"


def run():
    q = tf.Variable([[0.4, 0.1], [-0.3, 0.8]])
    s, nxt, r = tf.constant([[1.0, 0.5], [0.2, 1.0]]), tf.constant([[0.3, 1.0], [1.0, 0.1]]), tf.constant([1.0, 0.5])

    def loss_fn():
        now = tf.reduce_sum(s @ q, axis=1)
        target = tf.stop_gradient(r + 0.9 * tf.reduce_max(nxt @ q, axis=1))
        return tf.reduce_mean((now - target) ** 2)

    return loss_fn, {"q": q}
