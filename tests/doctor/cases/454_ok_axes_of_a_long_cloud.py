"""Near relative of 452: one way is wider than the other. And of 453: only the sizes of equal eigenvalues are used."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"points": "ok", "covariance": "ok"}
CUT = ""


def run():
    points = tf.Variable([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    covariance = tf.Variable(2.0 * tf.eye(3))

    def loss_fn():
        _, axes = tf.linalg.eigh(tf.matmul(points, points, transpose_a=True) / 4.0)
        variances, _ = tf.linalg.eigh(covariance)
        return axes[0, -1] * 0.6 + axes[1, -1] * 0.8 + tf.reduce_sum(tf.math.log(variances))

    return loss_fn, {"points": points, "covariance": covariance}
