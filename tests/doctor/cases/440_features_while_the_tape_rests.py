"""A helper runs while the recording is stopped."""

import tensorflow as tf

CAUSE = "tape-order"
FORM = "tape"
EXPECT = {"base": "none", "top": "ok"}
CUT = "seen = features(base, x)"


def features(base, x):
    squeezed = tf.tanh(x @ base)
    return squeezed


def run(Tape=tf.GradientTape):
    base, top, x = tf.Variable([[0.4], [0.1]]), tf.Variable([[2.0]]), tf.ones((3, 2))
    with Tape() as tape:
        with tape.stop_recording():
            seen = features(base, x)
        loss = tf.reduce_sum(seen @ top)
    return tape.gradient(loss, {"base": base, "top": top})
