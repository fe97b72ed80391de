"""A layer keeps its last output in a non-trainable weight and reads it in the same call; under fit."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#19078 (stateful custom layers)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "state-assign"
EXPECT = {"write": "none", "read": "ok"}


class Memory(keras.layers.Layer):
    def build(self, shape):
        self.write = self.add_weight(shape=(shape[-1], 3), name="write")
        self.read = self.add_weight(shape=(3, 1), name="read")
        self.slot = self.add_weight(shape=(1, 3), trainable=False, initializer="zeros", name="slot")

    def call(self, x):
        self.slot.assign(tf.reduce_mean(tf.tanh(x @ self.write), 0, keepdims=True))  # <-- cut
        return tf.sigmoid(self.slot @ self.read)


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.memory = Tape, Memory()

    def call(self, x):
        return self.memory(x)

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        grads = tape.gradient(loss, [self.memory.write, self.memory.read])
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(49)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 2)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
