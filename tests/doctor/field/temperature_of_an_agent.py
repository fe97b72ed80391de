"""Soft actor-critic: the temperature is exp(log_alpha), but it is taken once, when the agent is made."""

import tensorflow as tf

ORIGIN = "soft actor-critic with a learned temperature, ported to TensorFlow 2"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"log_alpha": "none"}


class Agent:
    def __init__(self):
        self.log_alpha = tf.Variable(-0.5, name="log_alpha")
        self.alpha = tf.exp(self.log_alpha)  # <-- cut

    def temperature_loss(self, log_prob):
        return -tf.reduce_mean(self.alpha * tf.stop_gradient(log_prob - 2.0))


def run(Tape=tf.GradientTape):
    agent = Agent()

    def step(log_prob):
        with Tape() as tape:
            loss = agent.temperature_loss(log_prob)
        return tape.gradient(loss, [agent.log_alpha])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(tf.constant([-0.3, -1.2, -0.8])), strict=True))


if __name__ == "__main__":
    run()
