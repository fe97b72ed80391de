"""DDPG with a replay buffer: the actor is asked from the critic's loss, which uses the actions of the buffer."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "keras.io/examples/rl/ddpg_pendulum"
WAYS = ("tape",)
WEEKLY = True
COMPILED = False
CAUSE = "unconnected"
EXPECT = {"kernel": "none", "bias": "none"}


class Buffer:
    def __init__(self):
        self.states, self.actions, self.rewards = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32"), []

    def record(self, n, state, action, reward):
        self.states[n], self.actions[n] = state, action
        self.rewards.append(reward)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(103)
    actor, target_actor, critic = keras.layers.Dense(1), keras.layers.Dense(1), keras.layers.Dense(1)
    buffer, world = Buffer(), np.random.default_rng(103)
    for n in range(8):
        state = world.normal(size=3).astype("float32")
        action = actor(state[None])
        buffer.record(n, state, action.numpy()[0], float(world.normal()))
    states, actions = tf.convert_to_tensor(buffer.states), tf.convert_to_tensor(buffer.actions)
    rewards = tf.constant(buffer.rewards)[:, None]
    target_actor(states)
    with Tape() as tape:
        aim = rewards + 0.9 * critic(tf.concat([states, target_actor(states)], 1))  # <-- also
        value = critic(tf.concat([states, actions], 1))  # <-- also
        loss = tf.reduce_mean((aim - value) ** 2)  # <-- also
    grads = tape.gradient(loss, actor.trainable_variables)  # <-- cut
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
