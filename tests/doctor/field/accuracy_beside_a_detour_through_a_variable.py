"""The argmax under the tape is only the accuracy; what cuts is the hidden state that goes through a variable."""

import keras
import tensorflow as tf

ORIGIN = "stateful loops that keep the state in a tf.Variable"
WAYS = ("tape",)
COMPILED = True
CAUSE = "state-assign"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "head kernel": "ok", "head bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(100)
    gru, head, kept = keras.layers.GRU(3), keras.layers.Dense(3), tf.Variable(tf.zeros((4, 3)), trainable=False)
    x, y = tf.random.normal((4, 5, 2)), tf.constant([0, 1, 2, 1])
    head(gru(x))

    def step(x, y):
        with Tape() as tape:
            kept.assign(gru(x))  # <-- cut
            logits = head(kept)  # <-- also
            hits = tf.reduce_mean(tf.cast(tf.argmax(logits, -1, output_type=tf.int32) == y, tf.float32))
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        return [hits, *tape.gradient(loss, gru.trainable_variables + head.trainable_variables)]

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y)[1:], strict=True))


if __name__ == "__main__":
    run()
