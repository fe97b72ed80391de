"""A head is computed and not used. That the step returns its loss as a number, which the caller logs, has nothing to do with it."""

import numpy as np
import tensorflow as tf

CAUSE = "unconnected"
FORM = "tape"
EXPECT = {"idle": "none", "w": "ok"}
CUT = "extra = tf.nn.relu(x @ idle)"
USE_EXTRA = False


class Step:
    def __init__(self, tape):
        self.tape, self.slopes = tape, []

    def forward(self, x, w, idle):
        extra = tf.nn.relu(x @ idle)
        h = x @ w
        if USE_EXTRA:
            h = tf.concat([h, extra], axis=-1)
        return h

    def take(self, x, w, idle):
        with self.tape() as tape:
            loss = tf.reduce_mean((self.forward(x, w, idle) - 1.0) ** 2)
        self.slopes = tape.gradient(loss, [idle, w])
        return float(loss)


def run(Tape=tf.GradientTape):
    step, w, idle = Step(Tape), tf.Variable(tf.ones((3, 1))), tf.Variable(tf.ones((3, 2)))
    logged = [step.take(tf.ones((4, 3)), w, idle) for _ in range(2)]
    assert np.isfinite(np.mean(logged))
    return dict(zip(EXPECT, step.slopes, strict=True))
