"""Gaussian process: the covariance is computed once and captured by the compiled step as a constant."""

import tensorflow as tf

ORIGIN = "a Gaussian process with a learned length scale, written with tf.function"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"log_scale": "none", "mean": "ok"}


def run(Tape=tf.GradientTape):
    log_scale, mean = tf.Variable(0.1), tf.Variable(0.4)
    x, y = tf.linspace(0.0, 1.0, 6), tf.constant([0.1, 0.5, 0.2, 0.8, 0.4, 0.9])
    distance = (x[:, None] - x[None, :]) ** 2
    covariance = tf.exp(-distance * tf.exp(-2.0 * log_scale)) + 0.1 * tf.eye(6)  # <-- cut

    def step():
        with Tape() as tape:
            rest = (y - mean)[:, None]
            loss = tf.reduce_sum(rest * tf.linalg.solve(covariance, rest)) + tf.linalg.logdet(covariance)
        return tape.gradient(loss, [log_scale, mean])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
