"""Actor and critic with target networks and a replay buffer, two tapes in a step."""

import keras
import numpy as np
import tensorflow as tf


def run(Tape):
    def net(width):
        return keras.Sequential([keras.Input((width,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "tanh")])

    actor, critic, actor_target, critic_target = net(3), net(4), net(3), net(4)
    actor_target.set_weights(actor.get_weights())
    critic_target.set_weights(critic.get_weights())
    actor_steps, critic_steps, losses = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02), []
    buffer = np.random.normal(size=(20, 3)).astype(np.float32)
    for _ in range(3):
        batch = tf.convert_to_tensor(buffer[np.random.choice(20, 8)])
        with Tape() as tape:
            goal = tf.reduce_sum(batch, 1, keepdims=True) + 0.9 * critic_target(
                tf.concat([batch, actor_target(batch)], 1)
            )
            loss = tf.reduce_mean((goal - critic(tf.concat([batch, actor(batch)], 1))) ** 2)
        slopes = tape.gradient(loss, critic.trainable_variables)
        critic_steps.apply_gradients(zip(slopes, critic.trainable_variables, strict=True))
        with Tape() as tape:
            gain = -tf.reduce_mean(critic(tf.concat([batch, actor(batch)], 1)))
        slopes = tape.gradient(gain, actor.trainable_variables)
        actor_steps.apply_gradients(zip(slopes, actor.trainable_variables, strict=True))
        for a, b in zip(actor_target.variables, actor.variables, strict=True):
            a.assign(0.9 * a + 0.1 * b)
        losses += [loss, gain]
    return losses, [*actor.variables, *critic.variables, *actor_target.variables]
