"""DDPG: the actor's action for its own loss comes from predict(), which returns NumPy."""

import keras
import tensorflow as tf

ORIGIN = "Dekki-Aero/DDPG#2; the DDPG example of Keras"
WAYS = ("tape",)
COMPILED = False
CAUSE = "numpy-conversion"
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(36)
    actor = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    critic = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    states = tf.random.normal((6, 3))
    with Tape() as tape:
        action = actor.predict(states, verbose=0)  # <-- cut
        loss = -tf.reduce_mean(critic(tf.concat([states, action], -1)))
    return dict(zip(EXPECT, tape.gradient(loss, actor.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
