"""A learned level only chooses the branch of a Python if."""

import tensorflow as tf

CAUSE = "comparison"
EXPECT = {"level": "none", "w": "ok"}
CUT = "if level > 0.5:"


def run():
    level, w = tf.Variable(0.7), tf.Variable(2.0)

    def loss_fn():
        if level > 0.5:
            return w * 3.0
        return w * 2.0

    return loss_fn, {"level": level, "w": w}
