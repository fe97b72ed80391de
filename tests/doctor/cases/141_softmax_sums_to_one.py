"""The loss is the sum of a softmax: constant, but connected."""

import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"logits": "zero"}
CUT = "return tf.reduce_sum(logits - tf.identity(logits))"


def run():
    logits = tf.Variable([0.1, 0.2, 0.3])

    def loss_fn():
        return tf.reduce_sum(logits - tf.identity(logits))

    return loss_fn, {"logits": logits}
