"""A tf.function goes over a dataset with a tape in the loop; the features are put into bins by floor."""

import tensorflow as tf

ORIGIN = "custom loops over datasets inside a tf.function"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "none", "v": "ok"}


def run(Tape=tf.GradientTape):
    w, v = tf.Variable([[0.8], [1.7]]), tf.Variable(0.4)
    data = tf.data.Dataset.from_tensor_slices(tf.random.stateless_normal((6, 2), (1, 2))).batch(2)
    there = {}

    @tf.autograph.experimental.do_not_convert
    def note(grads):
        there.update(zip(EXPECT, (g is not None for g in grads), strict=True))

    def epoch(data):
        seen = tf.constant(0.0)
        for x in data:
            with Tape() as tape:
                bins = tf.floor(4.0 * (x @ w))  # <-- cut
                loss = tf.reduce_mean((v * bins - 1.0) ** 2)
            grads = tape.gradient(loss, [w, v])
            note(grads)
            seen += grads[1]
        return seen

    seen = (tf.function(epoch) if COMPILED else epoch)(data)
    return {"w": seen if there["w"] else None, "v": seen if there["v"] else None}


if __name__ == "__main__":
    run()
