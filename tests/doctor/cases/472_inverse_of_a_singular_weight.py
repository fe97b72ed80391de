"""A covariance without noise is inverted in the forward pass: it is all zeros at the start."""

import tensorflow as tf

CAUSE = "values-refused"
FORM = "tape"
RAISES = "InvalidArgumentError"
EXPECT = {}
CUT = "gain = cov @ tf.linalg.inv(cov + tf.linalg.diag(noise))"


def update(cov, noise, z):
    gain = cov @ tf.linalg.inv(cov + tf.linalg.diag(noise))
    return tf.linalg.matvec(gain, z)


def run(Tape=tf.GradientTape):
    noise = tf.Variable(tf.zeros(2))
    with Tape() as tape:
        loss = tf.reduce_sum(update(tf.zeros((2, 2)), noise, tf.ones(2)) ** 2)
    return {"noise": tape.gradient(loss, noise)}
