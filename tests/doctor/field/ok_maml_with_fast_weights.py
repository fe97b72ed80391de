"""Healthy: MAML with functional fast weights; the inner gradient call is under the outer tape."""

import tensorflow as tf

ORIGIN = "oscarknagg/few-shot#9 (the second-order form)"
LAST = 2
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"inner w": "ok", "inner b": "ok", "w": "ok", "b": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(38)
    w, b, x, y = tf.Variable(g.normal((2, 1))), tf.Variable(g.normal((1,))), g.normal((5, 2)), g.normal((5, 1))

    def step(x, y):
        with Tape() as outer:
            with Tape() as inner:
                train = tf.reduce_mean((tf.tanh(x @ w + b) - y) ** 2)
            dw, db = inner.gradient(train, [w, b])
            test = tf.reduce_mean((tf.tanh(x @ (w - 0.1 * dw) + (b - 0.1 * db)) - y) ** 2)
        return [dw, db, *outer.gradient(test, [w, b])]

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
