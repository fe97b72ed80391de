"""The inner steps run while the outer tape does not record, to save memory."""

import tensorflow as tf

ORIGIN = "Meta-SGD after oscarknagg/few-shot and the MAML examples"
WAYS = ("tape",)
CAUSE = ("tape-order", "before-tape")
EXPECT = {"w1": "none", "b1": "none", "w2": "none", "b2": "none", "log_rate": "none"}


def forward(weights, x):
    w1, b1, w2, b2 = weights
    return tf.tanh(x @ w1 + b1) @ w2 + b2


def run(Tape=tf.GradientTape):
    tf.random.set_seed(404)
    theta = [tf.Variable(tf.random.normal(s) * 0.5) for s in ((1, 8), (8,), (8, 1), (1,))]
    log_rate = tf.Variable(-2.0, name="log_rate")
    support, query = tf.random.normal((5, 1)), tf.random.normal((5, 1))
    with Tape() as outer:
        fast = [tf.identity(v) for v in theta]
        with outer.stop_recording():  # <-- also
            with tf.GradientTape() as inner:
                inner.watch(fast)
                inner_loss = tf.reduce_mean((forward(fast, support) - tf.sin(support)) ** 2)
            slopes = inner.gradient(inner_loss, fast)
            rate = tf.exp(log_rate)  # <-- also
            fast = [w - rate * g for w, g in zip(fast, slopes, strict=True)]  # <-- cut
        loss = tf.reduce_mean((forward(fast, query) - tf.sin(query)) ** 2)
    grads = outer.gradient(loss, [*theta, log_rate])
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
