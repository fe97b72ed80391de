"""Sensor features are floored to levels in a compiled step; the LSTM that reads the levels trains, the layer before does not."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#28836 (no gradients once the step is a tf.function)"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"front kernel": "none", "front bias": "none", "lstm kernel": "ok", "lstm recurrent": "ok", "lstm bias": "ok"}


class Reader(keras.Model):
    def __init__(self):
        super().__init__()
        self.front = keras.layers.Dense(4)
        self.lstm = keras.layers.LSTM(5)

    def call(self, x):
        volume = self.front(x) * 3.0
        steps = tf.floor(volume)  # <-- cut
        return self.lstm(steps)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(1)
    reader = Reader()
    x, y = tf.random.normal((6, 7, 3)), tf.random.normal((6, 5))
    reader(x)

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((reader(x) - y) ** 2)
        return tape.gradient(loss, reader.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
