"""Trust region: the old policy is the policy itself, so the KL divergence is zero and so is its gradient."""

import keras
import tensorflow as tf

ORIGIN = "tensorforce/tensorforce#312, with a KL term"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "zero-cancel"
EXPECT = {"kernel": "zero", "bias": "zero"}


def problem():
    keras.utils.set_random_seed(54)
    policy, states = keras.layers.Dense(3), tf.random.normal((5, 4))
    policy(states)

    def divergence():
        old = tf.nn.log_softmax(policy(states))  # <-- also
        new = tf.nn.log_softmax(policy(states))  # <-- also
        return tf.reduce_mean(tf.reduce_sum((new - old) ** 2, -1))  # <-- cut

    return divergence, {"kernel": policy.kernel, "bias": policy.bias}


def run(Tape=tf.GradientTape):
    divergence, sources = problem()

    def step():
        with Tape() as tape:
            loss = divergence()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
