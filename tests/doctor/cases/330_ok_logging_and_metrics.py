"""Healthy: floats are logged, a metric is updated, a histogram is taken, an argmax goes to a metric."""

import keras
import numpy as np
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "k": "ok"}
CUT = ""

HISTORY = []


def run():
    keras.utils.set_random_seed(4)
    dense, acc = keras.layers.Dense(3), keras.metrics.SparseCategoricalAccuracy()
    w, x, y = tf.Variable(tf.random.normal((2, 4))), tf.random.normal((6, 2)), tf.constant([0, 1, 2, 0, 1, 2])
    dense(x @ w)

    def loss_fn():
        logits = dense(tf.tanh(x @ w))
        acc.update_state(y, logits)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        HISTORY.append(float(loss))
        print("", end="" if float(acc.result()) >= 0 else str(np.argmax(logits)))
        return loss

    return loss_fn, {"w": w, "k": dense.kernel.value}
