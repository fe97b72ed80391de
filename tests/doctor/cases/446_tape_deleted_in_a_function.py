"""A persistent tape is deleted by hand after the penalty was added outside of it."""

import tensorflow as tf

CAUSE = "after-tape"
FORM = "tape"
EXPECT = {"w": "none"}
CUT = "whole = loss + 0.1 * tf.reduce_sum(w**2)"
CUT_ALSO = ("slope = tape.gradient(whole, w)",)


def slope_of(w, Tape):
    with Tape(persistent=True) as tape:
        loss = tf.reduce_sum(tf.sin(w))
    whole = loss + 0.1 * tf.reduce_sum(w**2)
    slope = tape.gradient(whole, w)
    del tape
    return slope


def run(Tape=tf.GradientTape):
    return {"w": slope_of(tf.Variable([0.2, 0.7]), Tape)}
