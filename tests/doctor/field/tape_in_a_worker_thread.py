"""The step runs in a worker thread: the tape, the cut and the gradient call are all there."""

import threading

import keras
import tensorflow as tf

ORIGIN = "training in a background thread of a server or a GUI"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(111)
    lstm, x, found = keras.layers.LSTM(3), tf.random.normal((4, 5, 2)), {}
    lstm(x)

    def work():
        with Tape() as tape:
            level = tf.math.ceil(3.0 * lstm(x))  # <-- cut
            loss = tf.reduce_mean((level - 1.0) ** 2)
        found.update(zip(EXPECT, tape.gradient(loss, lstm.trainable_variables), strict=True))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    return found


if __name__ == "__main__":
    run()
