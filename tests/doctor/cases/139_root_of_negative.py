"""Square root of a negative prediction: the loss itself is NaN."""

import tensorflow as tf

CAUSE = "nan-forward"
EXPECT = {"w": "not finite"}
CUT = "root = tf.sqrt(pred)"


def run():
    w, x = tf.Variable([1.0, -2.0]), tf.constant([[1.0, 0.2], [0.5, 0.8]])

    def loss_fn():
        pred = tf.linalg.matvec(x, w)
        root = tf.sqrt(pred)
        return tf.reduce_mean(root)

    return loss_fn, {"w": w}
