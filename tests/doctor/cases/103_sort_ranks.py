"""Spearman-like loss: ranks from a double argsort."""

import tensorflow as tf

CAUSE = "argsort-topk-index"
EXPECT = {"w": "none"}
CUT = "order = tf.argsort(scores)"


def run():
    w = tf.Variable([0.4, -1.2, 0.9])
    feats = tf.constant([[1.0, 0.2, 0.3], [0.1, 0.8, 0.5], [0.4, 0.4, 2.0], [1.5, 0.1, 0.1]])
    want = tf.constant([0.0, 1.0, 2.0, 3.0])

    def loss_fn():
        scores = tf.linalg.matvec(feats, w)
        order = tf.argsort(scores)
        rank = tf.scatter_nd(order[:, None], tf.range(4.0), [4])
        return tf.reduce_sum((rank - want) ** 2)

    return loss_fn, {"w": w}
