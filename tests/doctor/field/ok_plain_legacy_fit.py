"""Healthy: legacy Keras with its own train_step: fit opens the tape inside Keras."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tensorflow as tf

ORIGIN = "any script from before Keras 3"
WAYS = ("command",)
ALONE = True
COMPILED = True
CAUSE = None
EXPECT = {"any": "ok"}


def run(Tape=tf.GradientTape):
    tf.keras.utils.set_random_seed(118)
    net = tf.keras.Sequential([tf.keras.layers.LSTM(3), tf.keras.layers.Dense(1)])
    net.compile("sgd", "mse", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((8, 4, 3)), tf.random.normal((8, 1)), epochs=2, verbose=0)
    print("LOSS", history.history["loss"])
    return {"any": tf.constant(history.history["loss"])}


if __name__ == "__main__":
    run()
