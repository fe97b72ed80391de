"""The determinant of a weight of ones is 0, and its gradient needs the inverse: the compiled step raises when it runs."""

import tensorflow as tf

CAUSE = "values-refused"
FORM = "tape"
RAISES = "InvalidArgumentError"
EXPECT = {"mix": "raises"}
CUT = "return tf.linalg.det(w)"


def volume(w):
    return tf.linalg.det(w)


def run(Tape=tf.GradientTape):
    mix = tf.Variable(tf.ones((3, 3)))

    @tf.function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum((x @ mix) ** 2) - volume(mix)
        gradient = tape.gradient(loss, mix)
        mix.assign_sub(0.1 * gradient)
        return gradient

    return {"mix": step(tf.ones((2, 3)))}
