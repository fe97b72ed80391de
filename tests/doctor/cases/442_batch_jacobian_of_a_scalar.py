"""batch_jacobian wants a batch, and gets one number."""

import tensorflow as tf

CAUSE = "api-misuse"
FORM = "tape"
RAISES = "IndexError"
EXPECT = {"x": "raises"}
CUT = 'return {"x": tape.batch_jacobian(total, x)}'


def run(Tape=tf.GradientTape):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with Tape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(tf.sin(x))
    return {"x": tape.batch_jacobian(total, x)}
