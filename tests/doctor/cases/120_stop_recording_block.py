"""The forward pass of the encoder sits in a stop_recording block."""

import tensorflow as tf

CAUSE = "tape-order"
FORM = "tape"
EXPECT = {"enc": "none", "dec": "ok"}
CUT = "h = tf.tanh(x @ enc)"
CUT_ALSO = ("with tape.stop_recording():",)


def run(Tape=tf.GradientTape):
    enc, dec = tf.Variable([[0.5], [0.2]]), tf.Variable(1.5)
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with Tape() as tape:
        with tape.stop_recording():
            h = tf.tanh(x @ enc)
        loss = tf.reduce_sum(h * dec)
    g = tape.gradient(loss, {"enc": enc, "dec": dec})
    return g
