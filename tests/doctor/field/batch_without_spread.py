"""Training in a loop: the third batch is constant, its standard deviation 0, and the weights are NaN from then on."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#38416; vpetren/gradnorm_tf#17"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "nan-sqrt-norm"
EXPECT = {"w": "nan", "b": "nan"}
SAYS = ("step 3",)


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(71)
    w, b = tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2,)))
    batches = [g.normal((5, 3)) for _ in range(6)]
    batches[2] = tf.ones((5, 3))
    for x in batches:
        with Tape() as tape:
            h = tf.tanh(x @ w + b)
            spread = tf.math.reduce_std(h, axis=0)  # <-- cut
            loss = tf.reduce_mean((h - tf.reduce_mean(h, 0)) ** 2) + tf.reduce_mean(1.0 / (1.0 + spread))
        grads = tape.gradient(loss, [w, b])
        for v, dv in zip((w, b), grads, strict=True):
            v.assign_sub(0.1 * dv)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
