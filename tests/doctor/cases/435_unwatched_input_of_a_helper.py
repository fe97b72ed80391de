"""A helper does the arithmetic; nobody watches what it is given."""

import tensorflow as tf

CAUSE = "not-watched"
FORM = "tape"
EXPECT = {"image": "none"}
CUT = "score = tf.reduce_max(classify(image))"


def classify(pixels):
    flat = tf.reshape(pixels, [1, -1])
    return tf.nn.softmax(flat @ tf.eye(4))


def run(Tape=tf.GradientTape):
    image = tf.reshape(tf.range(4.0), [2, 2])
    with Tape() as tape:
        score = tf.reduce_max(classify(image))
    return {"image": tape.gradient(score, image)}
