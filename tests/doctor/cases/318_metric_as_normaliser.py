"""Loss divided by its own NumPy value."""

import numpy as np
import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"w": "wrong"}
CUT = "scale = np.asarray(loss)"
CUT_ALSO = ("return loss / scale + tf.reduce_sum(w)",)


def run():
    w = tf.Variable([1.0, 2.0])

    def loss_fn():
        loss = tf.reduce_sum(w**2)
        scale = np.asarray(loss)
        return loss / scale + tf.reduce_sum(w)

    return loss_fn, {"w": w}
