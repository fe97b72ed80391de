"""XLA compiles the function; rounding in it ends the path."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"w": "none", "v": "ok"}
CUT = "levels = tf.round(4.0 * tf.sigmoid(w))"


def run():
    w, v = tf.Variable([0.3, -0.7]), tf.Variable([1.0, 2.0])

    @tf.function(jit_compile=True)
    def loss_fn():
        levels = tf.round(4.0 * tf.sigmoid(w))
        return tf.reduce_sum(levels * v)

    return loss_fn, {"w": w, "v": v}
