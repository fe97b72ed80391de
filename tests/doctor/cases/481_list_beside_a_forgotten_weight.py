"""A weight that the loss forgot, in a compiled step that keeps a list: the list among the names is no obstacle."""

import tensorflow as tf

CAUSE = "unconnected"
FORM = "tape"
EXPECT = {"slope": "ok", "height": "zero"}
ROWS = ["ok", "none"]
CUT = "total = tf.reduce_sum(rows.stack() ** 2)"


def run(Tape=tf.GradientTape):
    slope, height = tf.Variable(0.7), tf.Variable(0.2)

    @tf.function
    def step(turns):
        with Tape() as tape:
            line = height + 0.0
            rows = tf.TensorArray(tf.float32, 0, True)
            for t in tf.range(turns):
                rows = rows.write(t, slope * tf.cast(t, tf.float32))
            total = tf.reduce_sum(rows.stack() ** 2)
        tf.debugging.check_numerics(line, "line")
        return [tf.zeros(()) if g is None else g for g in tape.gradient(total, [slope, height])]

    return dict(zip(EXPECT, step(tf.constant(3)), strict=True))
