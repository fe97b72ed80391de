"""A hand-written loop writes its outputs to a TensorArray; what is written was detached first."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#34478; tensorflow/tensorflow#9450"
WAYS = ("tape",)
COMPILED = True
CAUSE = "stop-gradient"
EXPECT = {"w": "zero", "u": "zero", "v": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(6)
    w, u, v = tf.Variable(g.normal((2, 3))), tf.Variable(0.4 * g.normal((3, 3))), tf.Variable(g.normal((3, 1)))
    x = g.normal((5, 4, 2))

    def step(x):
        with Tape() as tape:
            out, h = tf.TensorArray(tf.float32, 5, element_shape=(4, 3)), tf.zeros((4, 3))
            for t in tf.range(5):
                h = tf.tanh(x[t] @ w + h @ u)
                out = out.write(t, tf.stop_gradient(h))  # <-- cut
            loss = tf.reduce_sum((out.stack() @ v) ** 2)
        return tape.gradient(loss, [w, u, v])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
