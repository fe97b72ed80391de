"""Healthy: a compiled training step calls a helper that opens the tape, and the optimizer takes its result."""

import keras
import tensorflow as tf

ORIGIN = "training utilities shared between projects"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok"}


def value_and_grads(Tape, loss_fn, variables):
    with Tape() as tape:
        loss = loss_fn()
    return loss, tape.gradient(loss, variables)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(116)
    rnn, optimizer, x = keras.layers.SimpleRNN(3), keras.optimizers.SGD(0.1), tf.random.normal((4, 5, 2))
    rnn(x)
    optimizer.build(rnn.trainable_variables)

    def step(x):
        _, grads = value_and_grads(Tape, lambda: tf.reduce_mean(rnn(x) ** 2), rnn.trainable_variables)
        optimizer.apply_gradients(zip(grads, rnn.trainable_variables, strict=True))
        return grads

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
