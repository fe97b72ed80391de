"""A learned start state of a SimpleRNN, sixty steps before the loss: its gradient is a number, but below 1e-12."""

import keras
import tensorflow as tf

ORIGIN = "vanishing gradients in a recurrence, the standard example"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "vanishing"
EXPECT = {"start": "ok"}


def problem():
    keras.utils.set_random_seed(82)
    rnn = keras.layers.SimpleRNN(3, recurrent_initializer=keras.initializers.Identity(0.4))
    start, x = tf.Variable(tf.random.normal((1, 3))), tf.random.normal((4, 60, 2))
    rnn(x)

    def loss_fn():
        h = rnn(x, initial_state=tf.repeat(start, 4, axis=0))  # <-- cut
        return tf.reduce_mean(h**2)

    return loss_fn, {"start": start}


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
