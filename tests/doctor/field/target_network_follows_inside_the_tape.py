"""The target network is moved after the online one inside the tape, and the loss uses the target network only."""

import keras
import tensorflow as tf

ORIGIN = "DQN with soft updates (openai/baselines-like loops)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "state-assign"
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(33)
    online, target, x = keras.layers.Dense(2), keras.layers.Dense(2), tf.random.normal((5, 3))
    online(x), target(x)

    def step(x):
        with Tape() as tape:
            for slow, fast in zip(target.variables, online.variables, strict=True):
                slow.assign(0.9 * slow + 0.1 * fast)  # <-- cut
            loss = tf.reduce_mean((target(x) - 1.0) ** 2)
        return tape.gradient(loss, online.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
