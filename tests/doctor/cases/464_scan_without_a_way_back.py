"""A filter by tf.scan with back_prop=False, as old code has it: in a graph that is a stop_gradient behind the loop."""

import tensorflow as tf

CAUSE = "stop-gradient"
FORM = "tape"
EXPECT = {"decay": "none", "gain": "ok"}
CUT = "states = tf.scan("


def run(Tape=tf.GradientTape):
    decay, gain, x = tf.Variable(0.9), tf.Variable(0.5), tf.constant([1.0, 2.0, 0.5])

    @tf.function
    def slopes():
        with Tape() as tape:
            states = tf.scan(lambda s, v: decay * s + v, x, initializer=tf.constant(0.0), back_prop=False)
            loss = tf.reduce_sum(gain * states)
        return tape.gradient(loss, [decay, gain])

    return dict(zip(["decay", "gain"], slopes(), strict=True))
