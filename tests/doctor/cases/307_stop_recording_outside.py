"""stop_recording on a tape that does not record."""

import tensorflow as tf

CAUSE = "tape-misuse"
FORM = "tape"
RAISES = "ValueError"
EXPECT = {}
CUT = "with tape.stop_recording():"


def run(Tape=tf.GradientTape):
    w = tf.Variable([1.0, 2.0])
    with Tape() as tape:
        loss = tf.reduce_sum(w**2)
    with tape.stop_recording():
        loss = loss * 2.0
    return {"w": tape.gradient(loss, w)}
