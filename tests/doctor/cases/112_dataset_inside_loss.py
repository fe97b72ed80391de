"""Predictions are batched through tf.data inside the loss."""

import tensorflow as tf

CAUSE = "stateful-pipeline"
EXPECT = {"w": "none"}
CUT = "ds = tf.data.Dataset.from_tensor_slices(pred).batch(2)"
CUT_ALSO = ("for part in ds:",)


def run():
    w = tf.Variable([1.0, -0.5, 0.3, 2.0])

    def loss_fn():
        pred = tf.sin(w)
        ds = tf.data.Dataset.from_tensor_slices(pred).batch(2)
        total = tf.constant(0.0)
        for part in ds:
            total += tf.reduce_sum(part**2)
        return total

    return loss_fn, {"w": w}
