"""tf.py_function with NumPy inside: the gradient is silently zero."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"w": "zero"}
CUT = "y = tf.py_function(lambda v: np.square(v.numpy()), [w * 2.0], tf.float32)"


def run():
    w = tf.Variable([1.0, 2.0])

    def loss_fn():
        y = tf.py_function(lambda v: np.square(v.numpy()), [w * 2.0], tf.float32)
        return tf.reduce_sum(y)

    return loss_fn, {"w": w}
