"""Parts of the loss are logged as Python numbers and kept in NumPy; what cuts is a round in another part."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#50111 (numbers that leave TensorFlow), here harmless"
WAYS = ("tape", "explain")
COMPILED = False
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "bias": "none"}


def problem():
    keras.utils.set_random_seed(91)
    front, head, log = keras.layers.Dense(3), keras.layers.Dense(1), []
    x = tf.random.normal((5, 4))
    head(front(x))

    def loss_fn():
        h = front(x)
        log.append(float(tf.reduce_mean(h)))
        best = np.max(h.numpy())
        log.append(best)
        codes = tf.round(h)  # <-- cut
        return tf.reduce_mean(head(codes) ** 2)

    return loss_fn, {"kernel": front.kernel, "bias": front.bias}


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()
    with Tape() as tape:
        loss = loss_fn()
    return dict(zip(EXPECT, tape.gradient(loss, list(sources.values())), strict=True))


if __name__ == "__main__":
    run()
