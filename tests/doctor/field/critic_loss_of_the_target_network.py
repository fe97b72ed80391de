"""DDPG: both values in the critic's loss come from target networks; the critic that is trained is not in it."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "inarikami/keras-rl2#24; MorvanZhou/Reinforcement-learning-with-tensorflow#124"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "unconnected"
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(35)
    critic, target_critic, target_actor = (keras.layers.Dense(n) for n in (1, 1, 2))
    memory = np.random.default_rng(35).normal(size=(6, 3)).astype("float32")
    states, actions = tf.convert_to_tensor(memory), tf.random.normal((6, 2))
    critic(tf.zeros((1, 5))), target_critic(tf.zeros((1, 5))), target_actor(states)

    def step(states, actions):
        with Tape() as tape:
            aim = 0.9 * target_critic(tf.concat([states, target_actor(states)], -1))
            value = target_critic(tf.concat([states, actions], -1))  # <-- cut
            loss = tf.reduce_mean((aim - value) ** 2)  # <-- also
        return tape.gradient(loss, critic.trainable_variables)  # <-- also

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(states, actions), strict=True))


if __name__ == "__main__":
    run()
