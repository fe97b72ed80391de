"""The inner gradient is taken after the outer tape was left."""

import tensorflow as tf

CAUSE = "after-tape"
FORM = "tape"
EXPECT = {"second": "none"}
CUT = "first = inner.gradient(y, x)"


def run(Tape=tf.GradientTape):
    x = tf.Variable([0.3, 0.6])
    with Tape() as outer, Tape() as inner:
        y = tf.reduce_sum(tf.sin(x) ** 2)
    first = inner.gradient(y, x)
    return {"second": outer.gradient(first, x)}
