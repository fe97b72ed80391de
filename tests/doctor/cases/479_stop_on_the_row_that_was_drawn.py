"""Drawn and looked up eagerly: the draw only says which row is read, and the rows are behind a stop_gradient."""

import tensorflow as tf

CAUSE = "stop-gradient"
EXPECT = {"rates": "none"}
CUT = "kept = tf.stop_gradient(tf.nn.softmax(rates))"


def run():
    rates = tf.Variable([[0.2, 0.3, -0.1]])

    def loss_fn():
        kept = tf.stop_gradient(tf.nn.softmax(rates))
        row = tf.random.categorical(rates, 1, seed=2)[0, 0]
        price = tf.gather(tf.Variable([1.0, 2.0, 4.0]) * 1.0, row)
        return price * tf.gather(kept[0], row)

    return loss_fn, {"rates": rates}
