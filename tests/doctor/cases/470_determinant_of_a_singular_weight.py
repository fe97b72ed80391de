"""An invertible layer starts from ones: the determinant is 0, and its gradient needs the inverse."""

import tensorflow as tf

CAUSE = "values-refused"
FORM = "tape"
RAISES = "InvalidArgumentError"
EXPECT = {"mix": "raises", "scale": "raises"}
CUT = "return tf.math.log(tf.abs(tf.linalg.det(w)) + 1e-6)"


def volume(w):
    return tf.math.log(tf.abs(tf.linalg.det(w)) + 1e-6)


def run(Tape=tf.GradientTape):
    mix, scale = tf.Variable(tf.ones((3, 3))), tf.Variable(tf.ones(3))
    with Tape() as tape:
        loss = tf.reduce_sum((tf.ones((2, 3)) @ mix * scale) ** 2) - volume(mix)
    return dict(zip(EXPECT, tape.gradient(loss, [mix, scale]), strict=True))
