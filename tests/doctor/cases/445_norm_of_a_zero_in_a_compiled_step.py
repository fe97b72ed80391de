"""The tape stands in a tf.function; two rows are equal, and their distance has no slope."""

import tensorflow as tf

CAUSE = "nan-sqrt-norm"
FORM = "tape"
EXPECT = {"w": "not finite"}
CUT = "return tf.norm(a - b, axis=-1)"


def distance(a, b):
    return tf.norm(a - b, axis=-1)


def run(Tape=tf.GradientTape):
    w = tf.Variable([[0.5, 1.0], [0.2, -0.4]])

    @tf.function
    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean(distance(x @ w, y @ w))
        return tape.gradient(loss, w)

    return {"w": step(tf.constant([[1.0, 2.0], [0.0, 1.0]]), tf.constant([[1.0, 2.0], [3.0, 1.0]]))}
