"""Healthy: the values of a sparse matrix are asked for by the SparseTensor itself; compiled."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#43107 (composite tensors as sources)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = False
CAUSE = None
EXPECT = {"adjacency": "ok", "w": "ok"}


def run(Tape=tf.GradientTape):
    adjacency = tf.sparse.SparseTensor([[0, 1], [1, 0], [2, 2]], [0.5, 2.0, 1.0], (3, 3))
    w = tf.Variable([[0.3, -0.2], [0.1, 0.7], [0.4, 0.2]])
    with Tape() as tape:
        tape.watch(adjacency.values)
        loss = tf.reduce_sum(tf.tanh(tf.sparse.sparse_dense_matmul(adjacency, w)) ** 2)
    grads = tape.gradient(loss, [adjacency.values, w])
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
