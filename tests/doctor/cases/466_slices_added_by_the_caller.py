"""Gradients of two small batches are added up in the caller of the function that asks: IndexedSlices has no +."""

import tensorflow as tf

CAUSE = "indexed-slices"
FORM = "tape"
RAISES = "TypeError"
EXPECT = {"table": "raises"}
ROWS = ["raises", "ok"]
CUT = "total = [a + b for a, b in zip(total, slopes, strict=True)]"


def run(Tape=tf.GradientTape):
    table, w = tf.Variable([[0.1, 0.2], [0.3, 0.4]]), tf.Variable([1.0, 2.0])

    def ask(rows):
        with Tape() as tape:
            loss = tf.reduce_sum(tf.gather(table, rows) * w)
        return tape.gradient(loss, [table, w])

    total = ask([0, 1])
    slopes = ask([1, 1])
    total = [a + b for a, b in zip(total, slopes, strict=True)]
    return dict(zip(["table", "w"], total, strict=True))
