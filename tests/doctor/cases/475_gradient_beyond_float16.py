"""A loss scale of 2 ** 40 written down for a float16 layer: the gradient that comes back is over 65,504."""

import tensorflow as tf

CAUSE = "nan-overflow"
FORM = "tape"
EXPECT = {"kernel": "not finite", "offset": "not finite"}
CUT = "return error * SCALE"

SCALE = 2.0**40


def enlarged(error):
    return error * SCALE


def run(Tape=tf.GradientTape):
    kernel, offset = tf.Variable([[0.5], [-0.25]]), tf.Variable([0.125])
    x, y = tf.constant([[1.0, 2.0], [3.0, -1.0]]), tf.constant([[1.0], [0.5]])

    with Tape() as tape:
        half = tf.cast(x, tf.float16) @ tf.cast(kernel, tf.float16) + tf.cast(offset, tf.float16)
        error = tf.reduce_mean((tf.cast(half, tf.float32) - y) ** 2)
        total = enlarged(error)
    found = tape.gradient(total, {"kernel": kernel, "offset": offset})
    return {name: g / SCALE for name, g in found.items()}
