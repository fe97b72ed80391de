"""A picture is improved by a compiled step that gets it as an argument; its distance to the start is a norm of zero."""

import tensorflow as tf

CAUSE = "nan-sqrt-norm"
FORM = "tape"
EXPECT = {"picture": "not finite"}
CUT = "distance = tf.norm(kept - start)"


def run(Tape=tf.GradientTape):
    start = tf.constant([[0.2, 0.4], [0.6, 0.1]])
    picture = tf.Variable(start)

    @tf.function
    def step(kept):
        with Tape() as tape:
            distance = tf.norm(kept - start)
            loss = tf.reduce_sum(kept**2) + distance
        return tape.gradient(loss, kept)

    return {"picture": step(picture)}
