"""Actor-critic with one optimizer: the advantage is detached, so the actor's loss says nothing about the value head."""

import keras
import tensorflow as tf

ORIGIN = "the actor-critic tutorials; SciSharp/TensorFlow.NET#760"
WAYS = ("tape",)
COMPILED = True
CAUSE = "stop-gradient"
EXPECT = {"policy kernel": "ok", "policy bias": "ok", "value kernel": "none", "value bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(34)
    policy, value = keras.layers.Dense(3), keras.layers.Dense(1)
    states, actions = tf.random.normal((6, 4)), tf.constant([0, 1, 2, 0, 1, 2])
    returns = tf.constant([1.0, 0.5, -0.2, 0.8, 0.1, -0.6])
    policy(states), value(states)

    def step(states, actions, returns):
        with Tape() as tape:
            chosen = tf.gather(tf.nn.log_softmax(policy(states)), actions, batch_dims=1)
            advantage = tf.stop_gradient(returns - tf.squeeze(value(states), -1))  # <-- cut
            loss = -tf.reduce_mean(chosen * advantage)
        return tape.gradient(loss, policy.trainable_variables + value.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(states, actions, returns), strict=True))


if __name__ == "__main__":
    run()
