"""A pool of three threads trains three small models; the one in the middle takes its argmax."""

import threading
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

ORIGIN = "hyperparameter searches in a thread pool"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = ("no-gradient-op", "argmax")
EXPECT = {"first": "ok", "second": "none", "third": "ok"}


def run(Tape=tf.GradientTape):
    x, together = tf.constant([[0.3, 1.2], [0.9, -0.4]]), threading.Barrier(3)

    def train(name):
        w = tf.Variable([[0.2, 0.7], [0.5, -0.1]])
        together.wait()
        for _ in range(4):
            with Tape() as tape:
                h = x @ w
                if name == "second":
                    h = tf.one_hot(tf.argmax(h, -1), 2)  # <-- cut
                loss = tf.reduce_mean(tf.tanh(h) ** 2)
            slope = tape.gradient(loss, [w])[0]
        return slope

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(EXPECT, pool.map(train, EXPECT), strict=True))


if __name__ == "__main__":
    run()
