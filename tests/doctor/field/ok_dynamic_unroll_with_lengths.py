"""Healthy: a hand-written recurrence over tf.range stops at each row's length with tf.where; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tf.raw_rnn-like loops"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(48)
    cell, x, lengths = keras.layers.GRUCell(3), tf.random.normal((4, 6, 2)), tf.constant([6, 3, 1, 4])
    cell.build((4, 2))

    def step(x, lengths):
        with Tape() as tape:
            h, kept = tf.zeros((4, 3)), tf.TensorArray(tf.float32, 6)
            for t in tf.range(tf.reduce_max(lengths)):
                new, _ = cell(x[:, t], [h])
                h = tf.where((t < lengths)[:, None], new, h)
                kept = kept.write(t, h)
            loss = tf.reduce_mean(kept.stack() ** 2) + tf.reduce_sum(h)
        return tape.gradient(loss, cell.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, lengths), strict=True))


if __name__ == "__main__":
    run()
