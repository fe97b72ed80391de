"""A custom gradient whose forward pass reads a variable without the `variables` argument: TypeError."""

import tensorflow as tf

CAUSE = "custom-gradient"
FORM = "tape"
RAISES = "TypeError"
EXPECT = {}
CUT = "y = dense(x)"
CUT_ALSO = ("@tf.custom_gradient",)


def run(Tape=tf.GradientTape):
    w, x = tf.Variable([[1.0], [2.0]]), tf.constant([[0.5, 0.3]])

    @tf.custom_gradient
    def dense(v):
        def grad(dy):
            return dy @ tf.transpose(w)

        return v @ w, grad

    with Tape() as tape:
        tape.watch(x)
        y = dense(x)
        loss = tf.reduce_sum(y)
    return {"x": tape.gradient(loss, x)}
