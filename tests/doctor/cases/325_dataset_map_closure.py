"""A tf.data map applies the weight."""

import tensorflow as tf

CAUSE = "stateful-pipeline"
EXPECT = {"w": "none"}
CUT = "ds = tf.data.Dataset.range(1, 4).map(lambda i: tf.cast(i, tf.float32) * w)"
CUT_ALSO = ("return tf.add_n([v**2 for v in ds])",)


def run():
    w = tf.Variable(1.5)

    def loss_fn():
        ds = tf.data.Dataset.range(1, 4).map(lambda i: tf.cast(i, tf.float32) * w)
        return tf.add_n([v**2 for v in ds])

    return loss_fn, {"w": w}
