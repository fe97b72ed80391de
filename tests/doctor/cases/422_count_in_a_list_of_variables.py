"""One of several variables in a list literal is an integer."""

import tensorflow as tf

CAUSE = "integer-source"
EXPECT = {"slope": "ok", "shift": "none"}
CUT = "tf.Variable(3),"


class Line:
    def __init__(self):
        self.weights = [
            tf.Variable(0.5),
            tf.Variable(3),
        ]

    def __call__(self, x):
        slope, shift = self.weights
        return slope * x + tf.cast(shift, x.dtype)


def run():
    line, x = Line(), tf.constant([1.0, 2.0])

    def loss_fn():
        return tf.reduce_sum(line(x) ** 2)

    return loss_fn, {"slope": line.weights[0], "shift": line.weights[1]}
