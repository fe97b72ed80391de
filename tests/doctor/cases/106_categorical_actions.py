"""Policy network: actions are drawn with tf.random.categorical and go into the reward."""

import keras
import tensorflow as tf

CAUSE = "random-sampling"
EXPECT = {"policy": "none", "value": "ok"}
CUT = "action = tf.random.categorical(logits, 1, seed=3)"


def run():
    keras.utils.set_random_seed(3)
    policy, value = keras.layers.Dense(4), keras.layers.Dense(1)
    obs = tf.random.normal((6, 3))
    policy(obs), value(obs)
    table = tf.constant([[0.0], [1.0], [2.0], [4.0]])

    def loss_fn():
        logits = policy(obs)
        action = tf.random.categorical(logits, 1, seed=3)
        reward = tf.gather(table, action[:, 0])
        return tf.reduce_mean((value(obs) - reward) ** 2)

    return loss_fn, {"policy": policy.kernel.value, "value": value.kernel.value}
