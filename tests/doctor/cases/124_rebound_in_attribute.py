"""A tiny model class updates its weight by rebinding the attribute; the second step has no gradient."""

import tensorflow as tf

CAUSE = "variable-rebound"
FORM = "tape"
EXPECT = {"w1": "ok", "w2": "none"}
ROWS = ["none"]
CUT = "self.w = self.w - 0.1 * g"
CUT_ALSO = ("loss = tf.reduce_sum((x * self.w - 1.0) ** 2)",)


class Line:
    def __init__(self):
        self.w = tf.Variable([2.0, 3.0])

    def step(self, x, Tape):
        with Tape() as tape:
            loss = tf.reduce_sum((x * self.w - 1.0) ** 2)
        g = tape.gradient(loss, self.w)
        if g is not None:
            self.w = self.w - 0.1 * g
        return g


def run(Tape=tf.GradientTape):
    line, x = Line(), tf.constant([1.0, 0.5])
    return {"w1": line.step(x, Tape), "w2": line.step(x, Tape)}
