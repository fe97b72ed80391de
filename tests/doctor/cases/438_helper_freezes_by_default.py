"""The base class makes its variables untrainable unless it is told otherwise."""

import tensorflow as tf

CAUSE = "non-trainable"
EXPECT = {"spread": "none", "middle": "ok"}
CUT = "self.spread = self.number(1.5)"


class Parameters:
    def number(self, start, trainable=False):
        return tf.Variable(start, trainable=trainable)


class Bell(Parameters):
    def __init__(self):
        self.middle = self.number(0.2, trainable=True)
        self.spread = self.number(1.5)

    def energy(self, x):
        return ((x - self.middle) / self.spread) ** 2


def run():
    bell, x = Bell(), tf.constant([0.1, 1.0])

    def loss_fn():
        return tf.reduce_sum(bell.energy(x))

    return loss_fn, {"spread": bell.spread, "middle": bell.middle}
