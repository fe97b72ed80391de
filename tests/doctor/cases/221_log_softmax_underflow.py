"""log(softmax) with a huge gap: softmax underflows and the loss is infinite."""

import tensorflow as tf

CAUSE = "nan-forward"
EXPECT = {"logits": "not finite"}
CUT = "nll = -tf.math.log(p)"


def run():
    logits = tf.Variable([[200.0, -200.0]])

    def loss_fn():
        p = tf.nn.softmax(logits)
        nll = -tf.math.log(p)
        return tf.reduce_sum(nll * [[0.0, 1.0]])

    return loss_fn, {"logits": logits}
