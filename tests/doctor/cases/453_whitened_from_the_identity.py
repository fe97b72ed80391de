"""A covariance that starts as a multiple of the identity, and its inverse root."""

import tensorflow as tf

CAUSE = "equal-eigenvalues"
EXPECT = {"covariance": "wrong"}
CUT = "variances, axes = tf.linalg.eigh(covariance)"


def run():
    covariance = tf.Variable(2.0 * tf.eye(3))
    target = tf.constant([[1.0, 0.3, 0.2], [0.3, 0.5, 0.1], [0.2, 0.1, 0.7]])

    def loss_fn():
        variances, axes = tf.linalg.eigh(covariance)
        whitening = tf.matmul(axes * tf.math.rsqrt(variances), axes, transpose_b=True)
        return tf.reduce_sum((whitening - target) ** 2)

    return loss_fn, {"covariance": covariance}
