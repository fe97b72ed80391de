"""A masked mean over an empty selection in a compiled step, in the second of four batches."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#42889; masked losses in general"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"w": "nan"}
SAYS = ("step 2",)


def masked_mean(error, mask):
    return tf.reduce_sum(error * mask) / tf.reduce_sum(mask)  # <-- cut


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(76)
    w = tf.Variable(g.normal((3, 1)))

    def step(x, y, mask):
        with Tape() as tape:
            loss = masked_mean(tf.squeeze((tf.tanh(x @ w) - y) ** 2, -1), mask)
        grads = tape.gradient(loss, [w])
        w.assign_sub(0.1 * grads[0])
        return grads

    step = tf.function(step) if COMPILED else step
    for n in range(4):
        grads = step(g.normal((5, 3)), g.normal((5, 1)), tf.zeros(5) if n == 1 else tf.ones(5))
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
