"""A logarithm of an output that can be zero, under class weights."""

import keras
import tensorflow as tf

ORIGIN = "custom losses in keras.io guides; tensorflow/tensorflow#43258"
WAYS = ("command",)
WEEKLY = True
CAUSE = ("nan-forward",)
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
    q = keras.ops.relu(p - 0.5)
    return -keras.ops.mean(y * keras.ops.log(q), axis=-1)  # <-- cut


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
        model.fit(x, y, batch_size=4, epochs=2, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    except ValueError as error:
        assert "No gradients provided" in str(error)
        return dict.fromkeys(EXPECT)
    moved = [v - s for v, s in zip(model.trainable_variables, start, strict=True)]
    return dict(zip(EXPECT, moved, strict=True))


if __name__ == "__main__":
    run()
