"""Values are logged, kept and compared in NumPy; the loss is made of tensors alone."""

import numpy as np
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "b": "ok"}
CUT = ""


def run():
    w, b, history = tf.Variable([0.3, 0.8]), tf.Variable(0.2), []

    def loss_fn():
        h = tf.tanh(w * 2.0 + b)
        history.append(float(np.mean(h)))
        best = np.max(history)
        if best > 5.0:
            print("never", best)
        return tf.reduce_sum(h**2)

    return loss_fn, {"w": w, "b": b}
