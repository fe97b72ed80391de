"""The new score of a step is divided by the old one, which the same recurrent network has just computed."""

import keras
import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"head": "zero", "recurrent": "zero"}
CUT = "ratio = tf.exp(score(x) - old)"
CUT_ALSO = ("old = score(x)",)


def run():
    keras.utils.set_random_seed(7)
    memory, head = keras.layers.GRU(3), keras.layers.Dense(2)
    x, gain = tf.random.normal((4, 3, 2)), tf.constant([1.0, -0.4, 0.7, 0.2])
    head(memory(x))

    def score(x):
        return tf.nn.log_softmax(head(memory(x)))[:, 0]

    def loss_fn():
        old = score(x)
        ratio = tf.exp(score(x) - old)
        return -tf.reduce_mean(ratio * gain)

    return loss_fn, {"head": head.kernel.value, "recurrent": memory.cell.recurrent_kernel.value}
