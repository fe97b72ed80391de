"""Two gradient calls on a tape that is not persistent."""

import tensorflow as tf

CAUSE = "tape-misuse"
FORM = "tape"
RAISES = "RuntimeError"
EXPECT = {}
CUT = "gb = tape.gradient(loss, b)"


def run(Tape=tf.GradientTape):
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    with Tape() as tape:
        loss = a * b
    ga = tape.gradient(loss, a)
    gb = tape.gradient(loss, b)
    return {"a": ga, "b": gb}
