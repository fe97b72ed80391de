"""One network with a policy and a value head, on a toy world, with NumPy between the steps."""

import keras
import numpy as np
import tensorflow as tf


def run(Tape):
    body, policy, value = keras.layers.Dense(16, "relu"), keras.layers.Dense(2), keras.layers.Dense(1)
    optimizer, losses = keras.optimizers.Adam(0.01), []
    for _ in range(3):
        state, world = np.zeros(4, np.float32), np.random.default_rng(1)
        with Tape() as tape:
            chances, values, rewards = [], [], []
            for _ in range(6):
                hidden = body(tf.constant(state[None]))
                logits = policy(hidden)
                action = tf.random.categorical(logits, 1)[0, 0]
                chances.append(tf.nn.log_softmax(logits)[0, action])
                values.append(value(hidden)[0, 0])
                state = state * 0.9 + world.normal(size=4).astype(np.float32) * (1 + int(action))
                rewards.append(float(state.sum()))
            returns = np.cumsum(rewards[::-1])[::-1].astype(np.float32)
            advantage = tf.constant(returns) - tf.stack(values)
            loss = tf.reduce_sum(advantage**2) - tf.reduce_sum(tf.stack(chances) * tf.stop_gradient(advantage))
        weights = [*body.trainable_variables, *policy.trainable_variables, *value.trainable_variables]
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        losses.append(loss)
    return losses, weights
