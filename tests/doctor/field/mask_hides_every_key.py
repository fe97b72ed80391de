"""Self-attention whose mask is inverted: every key is hidden, and the masked sum is zero."""

import keras
import tensorflow as tf

ORIGIN = "a transformer with an inverted padding mask"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"query": "zero", "value": "zero", "out": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(56)
    query, value, out = (keras.layers.Dense(3, use_bias=False) for _ in range(3))
    x, ids = tf.random.normal((2, 4, 3)), tf.constant([[1, 2, 3, 4], [5, 6, 7, 8]])
    query(x), value(x), out(x)

    def step(x, ids):
        with Tape() as tape:
            hidden = tf.cast(tf.equal(ids, 0), tf.float32)[:, None, :]  # <-- also
            weight = tf.nn.softmax(tf.matmul(query(x), x, transpose_b=True)) * hidden  # <-- cut
            loss = tf.reduce_mean((out(tf.matmul(weight, value(x)) + x) - 1.0) ** 2)
        return tape.gradient(loss, [query.kernel, value.kernel, out.kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, ids), strict=True))


if __name__ == "__main__":
    run()
