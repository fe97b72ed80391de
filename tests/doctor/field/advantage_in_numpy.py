"""A2C: the advantage is made from the values in NumPy, and the critic's loss is the square of that."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "actor-critic tutorials; tensorflow/tensorflow#36596"
WAYS = ("tape", "command")
WEEKLY = True
COMPILED = False
CAUSE = "numpy-conversion"
EXPECT = {"actor kernel": "ok", "actor bias": "ok", "critic kernel": "none", "critic bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(42)
    actor, critic = keras.layers.Dense(2), keras.layers.Dense(1)
    states, actions = tf.random.normal((5, 3)), tf.constant([0, 1, 1, 0, 1])
    rewards = np.array([1.0, 0.0, 1.0, 1.0, 0.5], "float32")
    actor(states), critic(states)
    with Tape(persistent=True) as tape:
        values = tf.squeeze(critic(states), -1)
        returns = np.cumsum(rewards[::-1])[::-1].copy()
        advantage = returns - values.numpy()  # <-- cut
        chosen = tf.gather(tf.nn.log_softmax(actor(states)), actions, batch_dims=1)
        loss = -tf.reduce_mean(chosen * advantage) + 0.5 * tf.reduce_mean(tf.square(advantage))
    grads = tape.gradient(loss, actor.trainable_variables + critic.trainable_variables)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
