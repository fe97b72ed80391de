"""batch_jacobian of tensors whose first dimensions differ."""

import tensorflow as tf

CAUSE = "api-misuse"
FORM = "tape"
RAISES = "ValueError"
EXPECT = {}
CUT = 'return {"x": tape.batch_jacobian(y, x)}'


def run(Tape=tf.GradientTape):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with Tape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reduce_sum(x, axis=0, keepdims=True)
    return {"x": tape.batch_jacobian(y, x)}
