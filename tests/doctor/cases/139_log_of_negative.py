"""Log of a negative prediction: the loss itself is NaN."""
CAUSE = "nan-forward"
EXPECT = {"w": "nan"}
CUT = "nll = -tf.math.log(pred)"

import tensorflow as tf


def run():
    w, x = tf.Variable([1.0, -2.0]), tf.constant([[1.0, 0.2], [0.5, 0.8]])

    def loss_fn():
        pred = tf.linalg.matvec(x, w)
        nll = -tf.math.log(pred)
        return tf.reduce_mean(nll)

    return loss_fn, {"w": w}
