"""A utility class opens the tape and asks it; the loss is passed in as a function and is cut inside a compiled method."""

import keras
import tensorflow as tf

ORIGIN = "training utilities shared between projects"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "bias": "none"}


class Optimise:
    def __init__(self, Tape):
        self.Tape = Tape

    def gradients(self, loss_fn, variables):
        with self.Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, variables)


class Agent:
    def __init__(self, Tape):
        self.tools, self.policy = Optimise(Tape), keras.layers.Dense(2)

    def loss(self, x):
        level = tf.math.floordiv(self.policy(x), 0.25)  # <-- cut
        return tf.reduce_mean(level**2)

    def update(self, x):
        return self.tools.gradients(lambda: self.loss(x), self.policy.trainable_variables)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(115)
    agent, x = Agent(Tape), tf.random.normal((5, 3))
    agent.policy(x)
    update = tf.function(agent.update) if COMPILED else agent.update
    return dict(zip(EXPECT, update(x), strict=True))


if __name__ == "__main__":
    run()
