"""Healthy: a tf.function goes over a dataset with a tape in the loop and an optimizer step after it."""

import keras
import tensorflow as tf

ORIGIN = "custom loops over datasets inside a tf.function"
WAYS = ("tape", "command")
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(113)
    gru, optimizer = keras.layers.GRU(2), keras.optimizers.SGD(0.1)
    data = tf.data.Dataset.from_tensor_slices(tf.random.normal((4, 3, 2))).batch(2)
    gru.build((2, 3, 2)), optimizer.build(gru.trainable_variables)

    def epoch(data):
        seen = tf.zeros((2, 6))
        for x in data:
            with Tape() as tape:
                loss = tf.reduce_mean((gru(x) - 0.5) ** 2)
            grads = tape.gradient(loss, gru.trainable_variables)
            optimizer.apply_gradients(zip(grads, gru.trainable_variables, strict=True))
            seen += grads[0]
        return seen

    epoch = tf.function(epoch) if COMPILED else epoch
    return dict.fromkeys(EXPECT, epoch(data))


if __name__ == "__main__":
    run()
