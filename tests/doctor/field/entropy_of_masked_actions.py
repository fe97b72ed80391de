"""A policy with masked actions: their probability is exactly 0, and p log p of that is 0 times minus infinity; compiled."""

import keras
import tensorflow as tf

ORIGIN = "action masks in policy gradients"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "recurrent": "nan", "bias": "nan"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(115)
    policy, x = keras.layers.GRU(3), tf.random.normal((4, 5, 2))
    allowed = tf.constant([[1.0, 1.0, 0.0]] * 4)
    policy(x)

    def entropy(logits, allowed):
        p = tf.nn.softmax(logits + (1.0 - allowed) * -1e9)
        log_p = tf.math.log(p)  # <-- also
        return -tf.reduce_sum(p * log_p, -1)  # <-- cut

    def step(x, allowed):
        with Tape() as tape:
            loss = -tf.reduce_mean(entropy(policy(x), allowed))
        return tape.gradient(loss, policy.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, allowed), strict=True))


if __name__ == "__main__":
    run()
