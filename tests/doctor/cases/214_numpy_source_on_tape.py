"""The source is the NumPy array that was fed, not the tensor made of it."""

import numpy as np
import tensorflow as tf

CAUSE = "wrong-source"
FORM = "tape"
RAISES = "AttributeError"
EXPECT = {}
CUT = 'return {"x": tape.gradient(loss, x)}'


def run(Tape=tf.GradientTape):
    x = np.array([1.0, 2.0], "float32")
    with Tape() as tape:
        t = tf.constant(x)
        tape.watch(t)
        loss = tf.reduce_sum(t**2)
    return {"x": tape.gradient(loss, x)}
