"""In a graph the bound of a loop gets zeros, not None."""

import tensorflow as tf

CAUSE = "loop-condition"
EXPECT = {"pace": "zero", "w": "ok"}
CUT = "while clock < 2.0:"
CUT_ALSO = ("clock += tf.exp(pace)",)


def run():
    pace, w = tf.Variable(-0.5), tf.Variable(0.7)

    @tf.function
    def roll():
        clock, h = tf.constant(0.0), tf.constant(1.5)
        while clock < 2.0:
            h = tf.sin(w * h)
            clock += tf.exp(pace)
        return h

    return (lambda: roll() ** 2), {"pace": pace, "w": w}
