"""The features are detached from the third epoch on, by a flag that was meant for another loss."""

import keras
import tensorflow as tf

ORIGIN = "two-stage training schedules (warm up, then freeze)"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "stop-gradient"
EXPECT = {"kernel": "none", "bias": "none"}
SAYS = ("step 3",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(303)
    encoder, head = keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)
    x, y = tf.random.normal((5, 2)), tf.random.normal((5, 1))
    head(encoder(x))
    for epoch in range(4):
        with Tape() as tape:
            h = encoder(x)
            if epoch >= 2:
                h = tf.stop_gradient(h)  # <-- cut
            loss = tf.reduce_mean((head(h) - y) ** 2)
        grads = tape.gradient(loss, encoder.trainable_variables)
        for v, g in zip(encoder.trainable_variables, grads, strict=True):
            if g is not None:
                v.assign_sub(0.1 * g)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
