"""Two losses are zero at once and the layer before them is alive: no op before them is to blame."""

import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"w": "zero"}
CUT = "near = tf.reduce_sum(tf.nn.relu(h - 9.0))"
CUT_ALSO = ("far = tf.reduce_sum(tf.nn.relu(2.0 * h - 30.0))",)


def run():
    w, x = tf.Variable([[0.5, -0.3], [0.2, 0.7]]), tf.constant([[1.0, 2.0], [0.5, -1.0]])

    def loss_fn():
        h = tf.nn.relu(x @ w)
        near = tf.reduce_sum(tf.nn.relu(h - 9.0))
        far = tf.reduce_sum(tf.nn.relu(2.0 * h - 30.0))
        return near + far

    return loss_fn, {"w": w}
