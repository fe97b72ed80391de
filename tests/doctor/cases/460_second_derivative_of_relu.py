"""A coefficient multiplies the second derivative of a network of relu, which is zero everywhere."""

import tensorflow as tf

CAUSE = "zero-second-derivative"
EXPECT = {"log_k": "zero", "w": "ok"}
CUT = "u_x = inner.gradient(u, x)"


def run():
    log_k = tf.Variable(-1.0)
    w = tf.Variable(tf.random.stateless_normal((1, 8), (3, 1)))
    x = tf.constant([[0.3], [0.7], [0.9]])

    def loss_fn():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                u = tf.reduce_sum(tf.nn.relu(x @ w), -1)
            u_x = inner.gradient(u, x)
        u_xx = outer.gradient(u_x, x)
        return tf.reduce_mean((u - tf.exp(log_k) * u_xx[:, 0]) ** 2)

    return loss_fn, {"log_k": log_k, "w": w}
