"""Meta-learning: an inner step of gradient descent inside the outer tape."""

import tensorflow as tf


def run(Tape):
    w, b = tf.Variable(tf.random.normal((1, 4))), tf.Variable(tf.zeros(4))
    v = tf.Variable(tf.random.normal((4, 1)))
    losses = []

    def guess(x, weights):
        return tf.nn.softsign(x @ weights[0] + weights[1]) @ weights[2]

    for _ in range(3):
        with Tape() as outer:
            total = 0.0
            for phase in (0.0, 1.0):
                x = tf.random.uniform((6, 1), -2.0, 2.0)
                with Tape() as inner:
                    loss = tf.reduce_mean((guess(x, [w, b, v]) - tf.sin(x + phase)) ** 2)
                slopes = inner.gradient(loss, [w, b, v])
                fast = [a - 0.1 * tf.stop_gradient(s) for a, s in zip([w, b, v], slopes, strict=True)]
                total += tf.reduce_mean((guess(x, fast) - tf.sin(x + phase)) ** 2)
        for a, s in zip([w, b, v], outer.gradient(total, [w, b, v]), strict=True):
            a.assign_sub(0.05 * s)
        losses.append(total)
    return losses, [w, b, v]
