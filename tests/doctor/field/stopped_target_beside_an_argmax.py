"""Self-training: the detached target is on purpose; the student is cut by an argmax of its own."""

import keras
import tensorflow as tf

ORIGIN = "pseudo-labels and BYOL-like losses"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "argmax"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def problem():
    keras.utils.set_random_seed(92)
    student, teacher, x = keras.layers.GRU(4), keras.layers.GRU(4), tf.random.normal((5, 6, 2))
    student(x), teacher(x)

    def loss_fn():
        target = tf.stop_gradient(teacher(x))
        label = tf.argmax(student(x), -1)  # <-- cut
        guess = tf.one_hot(label, 4)
        return tf.reduce_mean((guess - target) ** 2)

    return loss_fn, dict(zip(EXPECT, student.trainable_variables, strict=True))


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
