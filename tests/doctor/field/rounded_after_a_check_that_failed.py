"""A batch with a NaN is refused by check_numerics, which is caught; the other batches are trained on rounded features."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#41924 (check_numerics in a loop)"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "no-gradient-op"
EXPECT = {"w": "none", "v": "ok"}


def run(Tape=tf.GradientTape):
    w, v = tf.Variable([[0.3], [1.8]]), tf.Variable(0.5)
    batches = [[[1.0, 2.0]], [[float("nan"), 1.0]], [[0.5, 3.0]]]
    for x in map(tf.constant, batches):
        try:
            with Tape() as tape:
                h = tf.debugging.check_numerics(x @ w, "a bad batch")
                loss = tf.reduce_mean((v * tf.math.rint(h) - 1.0) ** 2)  # <-- cut
            grads = tape.gradient(loss, [w, v])
        except tf.errors.InvalidArgumentError:
            continue
        v.assign_sub(0.1 * grads[1])
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
