"""The value is formatted into a string tensor and parsed again."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"w": "none"}
CUT = "text = tf.strings.as_string(w * 2.0)"


def run():
    w = tf.Variable([1.0, 2.0])

    def loss_fn():
        text = tf.strings.as_string(w * 2.0)
        back = tf.strings.to_number(text)
        return tf.reduce_sum(back**2)

    return loss_fn, {"w": w}
