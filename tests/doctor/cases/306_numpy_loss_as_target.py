"""The target of the gradient call is a NumPy number."""

import tensorflow as tf

CAUSE = "numpy-conversion"
FORM = "tape"
RAISES = "AttributeError"
EXPECT = {}
CUT = "loss = tf.reduce_sum(w**2).numpy()"
CUT_ALSO = ('return {"w": tape.gradient(loss, w)}',)


def run(Tape=tf.GradientTape):
    w = tf.Variable([1.0, 2.0])
    with Tape() as tape:
        loss = tf.reduce_sum(w**2).numpy()
    return {"w": tape.gradient(loss, w)}
