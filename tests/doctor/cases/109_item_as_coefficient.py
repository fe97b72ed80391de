"""A normaliser is taken out as a Python float in a helper; the logging line is harmless."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"scale": "none", "w": "ok"}
CUT = "return float(tf.reduce_max(tf.abs(scale)))"

LOG = []


def norm_of(scale):
    return float(tf.reduce_max(tf.abs(scale)))


def run():
    scale, w = tf.Variable([0.5, 2.0]), tf.Variable([1.0, -1.0])

    def loss_fn():
        k = norm_of(scale)
        loss = tf.reduce_sum(w**2) * k
        LOG.append(float(loss))
        return loss

    return loss_fn, {"scale": scale, "w": w}
