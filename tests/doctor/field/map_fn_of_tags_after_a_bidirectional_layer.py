"""A tagger: map_fn takes the best tag of every sentence after a bidirectional LSTM, and the loss counts wrong tags."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras-contrib#398 (losses on decoded tags)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "argmax"
EXPECT = {"tag kernel": "none", "tag bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(32)
    read = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    tags, x, y = keras.layers.Dense(4), tf.random.normal((3, 5, 2)), tf.constant([[0, 1, 2, 3, 0]] * 3)
    tags(read(x))

    def best(scores):
        return tf.argmax(scores, -1, tf.int32)  # <-- cut

    def step(x, y):
        with Tape() as tape:
            found = tf.map_fn(best, tags(read(x)), fn_output_signature=tf.int32)
            loss = tf.reduce_mean(tf.cast(tf.abs(found - y), tf.float32))
        return tape.gradient(loss, tags.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
