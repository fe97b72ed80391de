"""A decoder keeps its two best words by top_k and feeds their numbers back through an embedding; tf.range loop."""

import tensorflow as tf

ORIGIN = "beam search inside a training step"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "argsort-topk-index"
EXPECT = {"out": "zero", "table": "ok"}


def run(Tape=tf.GradientTape):
    out = tf.Variable(tf.random.stateless_normal((4, 9), (3, 4)))
    table = tf.Variable(tf.random.stateless_normal((9, 4), (5, 6)))
    start = tf.random.stateless_normal((2, 4), (7, 8))

    def step(h):
        with Tape() as tape:
            for _ in tf.range(3):
                best = tf.math.top_k(h @ out, k=2).indices  # <-- cut
                h = tf.tanh(h + tf.reduce_mean(tf.gather(table, best), 1))
            loss = tf.reduce_mean(h**2)
        return tape.gradient(loss, [out, table])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(start), strict=True))


if __name__ == "__main__":
    run()
