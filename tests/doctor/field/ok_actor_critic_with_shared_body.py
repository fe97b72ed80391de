"""Healthy: actor-critic with a shared GRU; the detached advantage is beside the value loss, which trains the critic."""

import keras
import tensorflow as tf

ORIGIN = "the actor-critic tutorial of TensorFlow"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(7)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(46)
    body, policy, value = keras.layers.GRU(4), keras.layers.Dense(3), keras.layers.Dense(1)
    obs, actions = tf.random.normal((6, 5, 2)), tf.constant([0, 1, 2, 0, 1, 2])
    returns = tf.constant([1.0, 0.5, -0.2, 0.8, 0.1, -0.6])
    policy(body(obs)), value(body(obs))
    weights = body.trainable_variables + policy.trainable_variables + value.trainable_variables

    def step(obs, actions, returns):
        with Tape() as tape:
            h = body(obs)
            chosen = tf.gather(tf.nn.log_softmax(policy(h)), actions, batch_dims=1)
            error = returns - tf.squeeze(value(h), -1)
            loss = -tf.reduce_mean(chosen * tf.stop_gradient(error)) + 0.5 * tf.reduce_mean(error**2)
        return tape.gradient(loss, weights)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(obs, actions, returns), strict=True))


if __name__ == "__main__":
    run()
