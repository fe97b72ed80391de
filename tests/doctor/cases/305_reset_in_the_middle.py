"""tape.reset() after the encoder forgets it."""

import tensorflow as tf

CAUSE = "tape-order"
FORM = "tape"
EXPECT = {"enc": "none", "dec": "ok"}
CUT = "h = tf.tanh(x @ enc)"
CUT_ALSO = ("tape.reset()",)


def run(Tape=tf.GradientTape):
    enc, dec = tf.Variable([[0.5], [0.2]]), tf.Variable(1.5)
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with Tape() as tape:
        h = tf.tanh(x @ enc)
        tape.reset()
        loss = tf.reduce_sum(h * dec)
    grads = tape.gradient(loss, [enc, dec])
    return {"enc": grads[0], "dec": grads[1]}
