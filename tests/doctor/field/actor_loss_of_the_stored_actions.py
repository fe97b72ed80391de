"""DDPG: the critic judges the actions of the replay buffer, and not those that the actor has just chosen.

The critic was trained a moment ago, with its gradients under the same name.
"""

import keras
import tensorflow as tf

ORIGIN = "keras.io/examples/rl/ddpg_pendulum; threads on 'No gradients provided' for the actor"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "unconnected"
EXPECT = {"actor kernel": "none", "actor bias": "none"}
LAST = 2


class Trainer:
    def __init__(self, Tape):
        self.Tape = Tape
        self.actor = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="tanh")])
        self.critic = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        self.actor_optimizer, self.critic_optimizer = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3)

    def value(self, states, actions):
        return self.critic(tf.concat([states, actions], 1))

    def update(self, states, actions, rewards):
        with self.Tape() as tape:
            critic_loss = tf.reduce_mean((rewards - self.value(states, actions)) ** 2)
        grads = tape.gradient(critic_loss, self.critic.trainable_variables)
        self.critic_optimizer.apply_gradients(zip(grads, self.critic.trainable_variables, strict=True))
        with self.Tape() as tape:
            chosen = self.actor(states)  # <-- cut
            actor_loss = -tf.reduce_mean(self.value(states, actions))  # <-- also
        grads = tape.gradient(actor_loss, self.actor.trainable_variables)
        known = [(g, v) for g, v in zip(grads, self.actor.trainable_variables, strict=True) if g is not None]
        if known:
            self.actor_optimizer.apply_gradients(known)
        return grads, chosen


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(62)
    trainer = Trainer(Tape)
    for _ in range(2):
        grads, _ = trainer.update(*(tf.random.normal((5, n)) for n in (3, 1, 1)))
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
