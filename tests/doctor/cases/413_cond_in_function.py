"""A variable only chooses the branch of a tf.cond."""

import tensorflow as tf

CAUSE = "comparison"
EXPECT = {"gate": "none", "w": "ok"}
CUT = "deep = tf.tanh(gate) > 0.1"


def run():
    gate, w = tf.Variable(0.4), tf.Variable(1.5)

    @tf.function
    def net():
        deep = tf.tanh(gate) > 0.1
        return tf.cond(deep, lambda: tf.sin(w) * w, lambda: w * 3.0)

    return (lambda: net() ** 2), {"gate": gate, "w": w}
