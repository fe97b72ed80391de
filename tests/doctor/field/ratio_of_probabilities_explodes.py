"""PPO in a loop: at the second step an old log-probability is far off, the ratio overflows, everything is NaN after it."""

import keras
import tensorflow as tf

ORIGIN = "openai/baselines#142 (NaN in PPO)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "bias": "nan"}
SAYS = ("step 2",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(72)
    policy, states = keras.layers.Dense(3), tf.random.normal((4, 2))
    policy(states)
    olds = [-1.1 * tf.ones((4,)), tf.constant([-1.0, -300.0, -1.0, -1.0]), -1.1 * tf.ones((4,))]

    def step(old):
        with Tape() as tape:
            new = tf.nn.log_softmax(policy(states))[:, 0]
            ratio = tf.exp(new - old)  # <-- cut
            loss = tf.reduce_mean(ratio - ratio / 3.0)
        grads = tape.gradient(loss, policy.trainable_variables)
        for v, dv in zip(policy.trainable_variables, grads, strict=True):
            v.assign_sub(0.1 * dv)
        return grads

    step = tf.function(step) if COMPILED else step
    for old in olds:
        grads = step(old)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
