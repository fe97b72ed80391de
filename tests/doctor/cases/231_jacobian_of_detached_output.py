"""A Jacobian through tf.function in which the hidden state is rounded."""

import tensorflow as tf

CAUSE = "no-gradient-op"
FORM = "tape"
EXPECT = {"x": "none"}
CUT = "h = tf.math.rint(tf.tanh(x @ W) * 4.0)"


def run(Tape=tf.GradientTape):
    W, x = tf.constant([[1.0, 0.5], [0.2, 0.3]]), tf.Variable([[0.4, -0.9]])

    @tf.function
    def net():
        h = tf.math.rint(tf.tanh(x @ W) * 4.0)
        return h * 2.0

    with Tape(persistent=True) as tape:
        y = net()
    return {"x": tape.jacobian(y, x)}
