"""A critic with a gradient penalty: a tape inside a tape, eagerly."""

import keras
import tensorflow as tf


def run(Tape):
    critic = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    make = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(4)])
    critic_steps, make_steps, losses = keras.optimizers.RMSprop(0.01), keras.optimizers.RMSprop(0.01), []
    real = tf.random.normal((6, 4), 1.0)
    for _ in range(3):
        with Tape() as outer:
            fake = make(tf.random.normal((6, 2)))
            mix = tf.random.uniform((6, 1))
            between = mix * real + (1.0 - mix) * fake
            with Tape() as inner:
                inner.watch(between)
                said = critic(between)
            slope = inner.gradient(said, between)
            penalty = tf.reduce_mean((tf.norm(slope, axis=1) - 1.0) ** 2)
            loss = tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real)) + 10.0 * penalty
        slopes = outer.gradient(loss, critic.trainable_variables, unconnected_gradients="zero")
        critic_steps.apply_gradients(zip(slopes, critic.trainable_variables, strict=True))
        with Tape() as tape:
            gain = -tf.reduce_mean(critic(make(tf.random.normal((6, 2)))))
        slopes = tape.gradient(gain, make.trainable_variables)
        make_steps.apply_gradients(zip(slopes, make.trainable_variables, strict=True))
        losses += [loss, gain]
    return losses, [*critic.variables, *make.variables]
