"""A function returns the weights by name; one of them is an integer."""

import tensorflow as tf

CAUSE = "integer-source"
EXPECT = {"rate": "ok", "order": "none"}
CUT = "order=tf.Variable(3),"


def start():
    return dict(
        rate=tf.Variable(0.4),
        order=tf.Variable(3),
    )


def run():
    weights, t = start(), tf.constant([1.0, 2.0])

    def loss_fn():
        return tf.reduce_sum(weights["rate"] * t ** tf.cast(weights["order"], t.dtype))

    return loss_fn, weights
