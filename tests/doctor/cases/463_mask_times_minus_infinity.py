"""A causal mask by hand: minus infinity times the zeros of the mask is NaN."""

import numpy as np
import tensorflow as tf

CAUSE = "nan-forward"
EXPECT = {"w": "not finite"}
CUT = "scores = scores + (1.0 - mask) * -np.inf"


def run():
    w = tf.Variable(0.5 * tf.eye(3))
    x = tf.constant(np.arange(9.0).reshape(3, 3), tf.float32)

    def loss_fn():
        mask = tf.linalg.band_part(tf.ones((3, 3)), -1, 0)
        scores = x @ w @ tf.transpose(x)
        scores = scores + (1.0 - mask) * -np.inf
        return tf.reduce_sum(tf.nn.softmax(scores) @ x)

    return loss_fn, {"w": w}
