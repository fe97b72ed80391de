"""Healthy: a hinge loss that one batch of several satisfies; its gradient is zero there and comes back with the next batch."""

import tensorflow as tf

ORIGIN = "hinge and triplet losses near the end of training"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = None
EXPECT = {"w": "ok"}


def run(Tape=tf.GradientTape):
    w = tf.Variable([[0.4], [-0.3]])
    batches = [(tf.constant([[1.0, 0.2], [0.5, 1.0]]), 1.0), (tf.constant([[9.0, -9.0]] * 2), 1.0)] * 2
    batches += batches[:1]

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean(tf.nn.relu(1.0 - y * (x @ w)))
        slope = tape.gradient(loss, w)
        w.assign_sub(0.01 * slope)
        return slope

    step = tf.function(step, reduce_retracing=True) if COMPILED else step
    for x, y in batches:
        slope = step(x, y)
    return {"w": slope}


if __name__ == "__main__":
    run()
