"""The main axis of a cloud of points that is as wide one way as the other."""

import tensorflow as tf

CAUSE = "equal-eigenvalues"
EXPECT = {"points": "zero", "direction": "ok"}
CUT = "_, axes = tf.linalg.eigh(covariance)"


def run():
    points = tf.Variable([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    direction = tf.Variable([0.6, 0.8])

    def loss_fn():
        covariance = tf.matmul(points, points, transpose_a=True) / 4.0
        _, axes = tf.linalg.eigh(covariance)
        return tf.reduce_sum(axes[:, -1] * direction)

    return loss_fn, {"points": points, "direction": direction}
