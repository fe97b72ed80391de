"""Truncated back-propagation: stop_gradient on the carried state inside a tf.range loop cuts the start vector off."""

import keras
import tensorflow as tf

ORIGIN = "truncated BPTT by hand"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "stop-gradient"
BY_DESIGN = True
EXPECT = {"start": "zero", "kernel": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(122)
    cell, start, x = keras.layers.SimpleRNNCell(3), tf.Variable([[0.1, 0.2, 0.3]]), tf.random.normal((4, 1, 2))
    cell.build((1, 2))

    def step(x):
        with Tape() as tape:
            h = start + 0.0
            for t in tf.range(4):
                h, _ = cell(x[t], [tf.stop_gradient(h)])  # <-- cut
            loss = tf.reduce_mean((h - 0.4) ** 2)
        return tape.gradient(loss, [start, cell.kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
