"""Pairs that are equal under a root, from a PyDataset."""

import keras
import tensorflow as tf

ORIGIN = "custom losses in keras.io guides; tensorflow/tensorflow#43258"
WAYS = ("command",)
WEEKLY = True
CAUSE = "nan-sqrt-norm"
EXPECT = {
    "memory/kernel": "nan",
    "memory/recurrent": "nan",
    "memory/bias": "nan",
    "hidden/kernel": "nan",
    "hidden/bias": "nan",
    "head/kernel": "nan",
    "head/bias": "nan",
}


def own_loss(y, p):
    gap = keras.ops.sqrt(keras.ops.square(y * (p - p)))  # <-- cut
    return keras.ops.mean(keras.ops.square(y - p) + gap)


class Pairs(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.x[4 * i : 4 * i + 4].numpy(), self.y[4 * i : 4 * i + 4].numpy()


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
        model.fit(Pairs(x, y), epochs=2, verbose=0)
    except ValueError as error:
        assert "No gradients provided" in str(error)
        return dict.fromkeys(EXPECT)
    moved = [v - s for v, s in zip(model.trainable_variables, start, strict=True)]
    return dict(zip(EXPECT, moved, strict=True))


if __name__ == "__main__":
    run()
