"""Each step of a loop puts its state into a new variable."""

import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"U": "none", "V": "ok"}
CUT = "state = tf.Variable(tf.tanh(tf.matmul(state, U) + x))"


def run():
    U, V = tf.Variable([[0.9, -0.3], [0.5, 0.7]]), tf.Variable([[0.2], [0.4]])

    def loss_fn():
        state = tf.ones((1, 2))
        for x in tf.constant([[[0.3, 0.1]], [[0.2, 0.5]]]):
            state = tf.Variable(tf.tanh(tf.matmul(state, U) + x))
        return tf.reduce_sum(tf.matmul(state, V) ** 2)

    return loss_fn, {"U": U, "V": V}
