"""Inside a tf.function: the positions of the two largest attention scores become the output."""

import tensorflow as tf

CAUSE = "argsort-topk-index"
EXPECT = {"query": "none", "scale": "ok"}
CUT = "_, where = tf.math.top_k(tf.linalg.matvec(keys, query), k=2)"


def run():
    query, scale = tf.Variable([0.3, -0.7]), tf.Variable(2.0)
    keys = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.5]])

    @tf.function
    def focus():
        _, where = tf.math.top_k(tf.linalg.matvec(keys, query), k=2)
        return tf.cast(where, tf.float32) * scale

    def loss_fn():
        return tf.reduce_mean(focus() ** 2)

    return loss_fn, {"query": query, "scale": scale}
