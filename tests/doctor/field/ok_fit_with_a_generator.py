"""Healthy: a GRU under fit with a generator."""

import keras
import tensorflow as tf

ORIGIN = "custom losses in keras.io guides; tensorflow/tensorflow#43258"
WAYS = ("command",)
WEEKLY = True
CAUSE = None
EXPECT = {"any": "ok"}


def own_loss(y, p):
    return keras.ops.mean(keras.ops.square(y - p))


def batches(x, y):
    while True:
        for i in range(0, 8, 4):
            yield x[i : i + 4], y[i : i + 4]


def make():
    return keras.Sequential(
        [
            keras.Input((6, 2)),
            keras.layers.GRU(4, name="memory"),
            keras.layers.Dense(3, activation="relu", name="hidden"),
            keras.layers.Dense(1, activation="sigmoid", name="head"),
        ]
    )


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(408)
    model, x, y = make(), tf.random.normal((8, 6, 2)), tf.cast(tf.random.uniform((8, 1)) > 0.5, tf.float32)
    model.compile("sgd", loss=own_loss)
    start = [tf.identity(v) for v in model.trainable_variables]
    try:
        model.fit(batches(x, y), steps_per_epoch=2, epochs=2, verbose=0)
    except ValueError as error:
        assert "No gradients provided" in str(error)
        raise
    moved = [v - s for v, s in zip(model.trainable_variables, start, strict=True)]
    return dict(zip(EXPECT, moved[:1], strict=True))


if __name__ == "__main__":
    run()
