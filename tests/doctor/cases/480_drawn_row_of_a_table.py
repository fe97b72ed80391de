"""The draw is the only way to the loss, in a compiled loop: it stays the cut, though it is an index."""

import tensorflow as tf

CAUSE = "random-sampling"
FORM = "tape"
EXPECT = {"rates": "zero", "table": "ok"}
CUT = "row = tf.random.categorical(rates, 1, seed=5)[0, 0]"


def run(Tape=tf.GradientTape):
    rates, table = tf.Variable([[0.2, 0.3, -0.1]]), tf.Variable([1.0, 2.0, 4.0])

    @tf.function
    def play(turns):
        with Tape() as tape:
            total = tf.constant(0.0)
            for _ in tf.range(turns):
                row = tf.random.categorical(rates, 1, seed=5)[0, 0]
                total += tf.gather(table * 1.0, row)
        return tape.gradient(total, [rates, table])

    return dict(zip(EXPECT, play(tf.constant(3)), strict=True))
