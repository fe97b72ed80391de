"""Healthy: an actor's loss through a critic with reparameterised noise; the critic's own tape is another one."""

import keras
import tensorflow as tf

ORIGIN = "soft actor-critic examples"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
LAST = 2
CAUSE = None
EXPECT = {"critic kernel": "ok", "critic bias": "ok", "actor kernel": "ok", "actor bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(43)
    actor, critic = keras.layers.Dense(4), keras.layers.Dense(1)
    states, actions, aims = tf.random.normal((6, 3)), tf.random.normal((6, 2)), tf.random.normal((6, 1))
    actor(states), critic(tf.concat([states, actions], -1))

    def draw(states):
        mean, width = tf.split(actor(states), 2, -1)
        noise = tf.random.stateless_normal(tf.shape(mean), (1, 2))
        action = tf.tanh(mean + tf.exp(tf.clip_by_value(width, -5.0, 2.0)) * noise)
        entropy = tf.reduce_sum(width - tf.math.log(1.0 - action**2 + 1e-6), -1)
        return action, entropy

    def step(states, actions, aims):
        with Tape() as critic_tape:
            loss = tf.reduce_mean((critic(tf.concat([states, actions], -1)) - aims) ** 2)
        first = critic_tape.gradient(loss, critic.trainable_variables)
        with Tape() as actor_tape:
            action, entropy = draw(states)
            loss = -tf.reduce_mean(critic(tf.concat([states, action], -1))) - 0.1 * tf.reduce_mean(entropy)
        return first + actor_tape.gradient(loss, actor.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(states, actions, aims), strict=True))


if __name__ == "__main__":
    run()
