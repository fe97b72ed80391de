"""Architecture search: the softmax over the operations is taken once, when the loss function is made."""

import tensorflow as tf

ORIGIN = "DARTS-like searches ported to TensorFlow 2"
WAYS = ("explain",)
CAUSE = "before-tape"
EXPECT = {"alpha": "none", "w": "ok"}


def make_loss(alpha, w, x):
    share = tf.unstack(tf.nn.softmax(alpha))  # <-- cut

    def loss():
        h = x @ w
        mixed = share[0] * tf.nn.relu(h) + share[1] * tf.tanh(h) + share[2] * h
        return tf.reduce_mean(mixed**2)

    return loss


def problem():
    g = tf.random.Generator.from_seed(23)
    alpha, w = tf.Variable(g.normal((3,))), tf.Variable(g.normal((3, 2)))
    return make_loss(alpha, w, g.normal((5, 3))), {"alpha": alpha, "w": w}


if __name__ == "__main__":
    loss, sources = problem()
    with tf.GradientTape() as tape:
        value = loss()
    tape.gradient(value, list(sources.values()))
