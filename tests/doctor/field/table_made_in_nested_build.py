"""A layer inside a layer makes its table from a weight in build(): the weight is never read again."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/probability#467, two layers deep"
WAYS = ("tape",)
COMPILED = False
CAUSE = "before-tape"
EXPECT = {"raw": "none", "scale": "ok"}


class Positions(keras.layers.Layer):
    def build(self, shape):
        self.raw = self.add_weight(shape=(shape[1], shape[2]), name="raw", initializer="random_normal")
        self.table = tf.tanh(self.raw)  # <-- cut

    def call(self, x):
        return x + self.table


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.positions = Positions()

    def build(self, shape):
        self.positions.build(shape)
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")

    def call(self, x):
        return self.scale * self.positions(x)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(22)
    block = Block()
    block.build((3, 4, 2))
    x = tf.random.normal((3, 4, 2))
    with Tape() as tape:
        loss = tf.reduce_mean(block(x) ** 2)
    return dict(zip(EXPECT, tape.gradient(loss, [block.positions.raw, block.scale]), strict=True))


if __name__ == "__main__":
    run()
