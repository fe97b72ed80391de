"""Weight normalisation computed once in __init__."""

import tensorflow as tf

CAUSE = "before-tape"
EXPECT = {"v": "none", "g": "ok"}
CUT = "self.unit = self.v / tf.norm(self.v, axis=0)"


class WeightNorm(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = tf.Variable([[1.0, 2.0], [0.5, -1.0]])
        self.g = tf.Variable([1.0, 2.0])
        self.unit = self.v / tf.norm(self.v, axis=0)

    def __call__(self, x):
        return x @ (self.unit * self.g)


def run():
    layer, x = WeightNorm(), tf.constant([[1.0, 3.0]])

    def loss_fn():
        return tf.reduce_sum(layer(x) ** 2)

    return loss_fn, {"v": layer.v, "g": layer.g}
