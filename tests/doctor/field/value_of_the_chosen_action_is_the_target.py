"""DQN: the name of the online network's output is given to the target network's, so the loss compares that with itself."""

import keras
import tensorflow as tf

ORIGIN = "keras-rl/keras-rl#348"
WAYS = ("tape",)
COMPILED = False
CAUSE = "unconnected"
EXPECT = {"q kernel": "none", "q bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(36)
    q, q_target = keras.layers.Dense(2), keras.layers.Dense(2)
    states, actions = tf.random.normal((6, 3)), tf.constant([0, 1, 1, 0, 1, 0])
    rewards, following = tf.random.normal((6,)), tf.random.normal((6, 3))
    q(states), q_target(states)

    def step(states, actions, rewards, following):
        with Tape() as tape:
            values = q(states)  # <-- cut
            chosen = q_target(states)  # <-- also
            chosen = tf.gather(chosen, actions, batch_dims=1)
            aim = rewards + 0.9 * tf.reduce_max(q_target(following), -1)
            loss = tf.reduce_mean((aim - chosen) ** 2)
        best = tf.argmax(values, -1)
        return tape.gradient(loss, q.trainable_variables), best

    return dict(zip(EXPECT, step(states, actions, rewards, following)[0], strict=True))


if __name__ == "__main__":
    run()
