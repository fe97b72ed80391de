"""REINFORCE without log-probabilities: the reward comes from a NumPy environment, and the loss is minus the reward."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#28385 (loss from an environment)"
WAYS = ("tape", "command")
WEEKLY = True
COMPILED = False
CAUSE = ("numpy-conversion", "random-sampling")
EXPECT = {"kernel": "none", "bias": "none"}


class Walk:
    def __init__(self):
        self.at = np.zeros(2, "float32")

    def step(self, action):
        self.at = self.at + (0.1 if action else -0.1)
        return self.at.astype("float32"), float(-np.sum(self.at**2))


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(56)
    policy, world, rewards = keras.layers.Dense(2), Walk(), []
    policy.build((1, 2))
    with Tape() as tape:
        state = world.at
        for _ in range(3):
            logits = policy(state[None])
            action = tf.random.categorical(logits, 1)[0, 0]  # <-- also
            state, reward = world.step(int(action))  # <-- cut
            rewards.append(reward)
        loss = -tf.add_n([tf.constant(r) for r in rewards])
    return dict(zip(EXPECT, tape.gradient(loss, policy.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
