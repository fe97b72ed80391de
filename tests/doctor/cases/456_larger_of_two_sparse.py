"""The larger of two sparse tensors, element by element: TensorFlow registers a gradient that only raises."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"score": "raises"}
CUT = "both = tf.sparse.maximum(there, back)"


def run():
    edges = tf.constant([[0, 1], [1, 2]], tf.int64)
    score = tf.Variable([0.4, 0.7])

    def loss_fn():
        there = tf.SparseTensor(edges, tf.sigmoid(score), (3, 3))
        back = tf.SparseTensor(edges[:, ::-1], tf.sigmoid(score), (3, 3))
        both = tf.sparse.maximum(there, back)
        return tf.reduce_sum(tf.sparse.sparse_dense_matmul(both, tf.ones((3, 2))) ** 2)

    return loss_fn, {"score": score}
