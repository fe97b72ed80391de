"""Healthy: double DQN. The online network chooses by argmax, the target network judges, and the aim is stopped."""

import keras
import tensorflow as tf

ORIGIN = "official DQN examples"
WAYS = ("tape", "command")
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok", "q kernel": "ok", "q bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(37)
    body, q, q_target = keras.layers.GRU(4), keras.layers.Dense(3), keras.layers.Dense(3)
    states, following = tf.random.normal((6, 4, 3)), tf.random.normal((6, 4, 3))
    actions, rewards = tf.constant([0, 1, 2, 0, 1, 0]), tf.random.normal((6,))
    q(body(states)), q_target(body(states))

    def step(states, following):
        with Tape() as tape:
            chosen = tf.reduce_sum(q(body(states)) * tf.one_hot(actions, 3), -1)
            best = tf.argmax(q(body(following)), -1)
            aim = rewards + 0.9 * tf.gather(q_target(body(following)), best, batch_dims=1)
            loss = tf.reduce_mean((chosen - tf.stop_gradient(aim)) ** 2)
        return tape.gradient(loss, body.trainable_variables + q.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(states, following), strict=True))


if __name__ == "__main__":
    run()
