"""Healthy: metrics, batch statistics and a moving average of the weights are all assigned under the tape."""

import keras
import tensorflow as tf

ORIGIN = "BYOL and mean-teacher steps with metrics"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "gamma": "ok", "beta": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(99)
    student, teacher = keras.layers.Dense(3, use_bias=False), keras.layers.Dense(3, use_bias=False)
    norm, metric = keras.layers.BatchNormalization(), keras.metrics.Mean()
    x = tf.random.normal((8, 4))
    norm(student(x)), teacher(x), metric.update_state(0.0)
    weights = student.trainable_variables + norm.trainable_variables

    def step(x):
        with Tape() as tape:
            guess = norm(student(x), training=True)
            target = tf.stop_gradient(teacher(x))
            loss = tf.reduce_mean((guess - target) ** 2 + 0.1 * guess**3)
            metric.update_state(loss)
            teacher.kernel.assign(0.9 * teacher.kernel + 0.1 * student.kernel)
        return tape.gradient(loss, weights)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
