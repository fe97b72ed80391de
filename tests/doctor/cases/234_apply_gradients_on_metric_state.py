"""Running mean kept by a keras.metrics.Mean, used as a baseline in the loss."""

import keras
import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"base": "none", "w": "ok"}
CUT = "running.update_state(tf.exp(base))"
CUT_ALSO = ("return tf.reduce_sum((w - running.result()) ** 2)",)


def run():
    base, w = tf.Variable([0.1, 0.4]), tf.Variable([1.0, 2.0])
    running = keras.metrics.Mean()

    def loss_fn():
        running.update_state(tf.exp(base))
        return tf.reduce_sum((w - running.result()) ** 2)

    return loss_fn, {"base": base, "w": w}
