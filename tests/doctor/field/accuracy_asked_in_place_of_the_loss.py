"""The tape is asked for the running accuracy, which a metric gives after the with-block; the loss is computed and left."""

import keras
import tensorflow as tf

ORIGIN = "custom training loops with metrics: the name of a metric where the loss belongs"
WAYS = ("tape",)
COMPILED = True
CAUSE = "after-tape"
EXPECT = {"w": "none"}
SAYS = ("ask for the loss",)


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(312)
    x, y, w = g.normal((6, 3)), tf.constant([0, 1, 1, 0, 1, 0]), tf.Variable(g.normal((3, 2)))
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    def step():
        with Tape() as tape:
            logits = x @ w
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        slope = tape.gradient(accuracy.result(), w)  # <-- cut
        accuracy.update_state(y, logits)
        return slope, loss

    slope, _ = (tf.function(step) if COMPILED else step)()
    return {"w": slope}


if __name__ == "__main__":
    run()
