"""Distillation: the student is run in `with tape.stop_recording()` in place of the teacher."""

import keras
import tensorflow as tf

ORIGIN = "distillation examples"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = ("tape-order", "before-tape")
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(57)
    teacher, student, x = keras.layers.Dense(3), keras.layers.Dense(3), tf.random.normal((5, 4))
    teacher(x), student(x)

    def step(x):
        with Tape() as tape:
            with tape.stop_recording():
                soft = tf.nn.softmax(student(x))  # <-- cut
            guess = tf.nn.log_softmax(teacher(x))
            loss = -tf.reduce_mean(tf.reduce_sum(soft * guess, -1))
        return tape.gradient(loss, student.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
