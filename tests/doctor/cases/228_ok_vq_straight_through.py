"""Healthy: vector quantiser with straight-through and commitment loss."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"enc": "ok", "dec": "ok"}
CUT = ""


def run():
    g = tf.random.Generator.from_seed(4)
    enc, dec = tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2, 3)))
    book, x = tf.constant(g.normal((5, 2))), g.normal((4, 3))

    def loss_fn():
        z = x @ enc
        dist = tf.reduce_sum((z[:, None] - book[None]) ** 2, -1)
        q = tf.gather(book, tf.argmin(dist, axis=1))
        st = z + tf.stop_gradient(q - z)
        return tf.reduce_mean((st @ dec - x) ** 2) + 0.25 * tf.reduce_mean((z - tf.stop_gradient(q)) ** 2)

    return loss_fn, {"enc": enc, "dec": dec}
