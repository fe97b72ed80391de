"""Poisson regression by hand: the third of five batches predicts a rate of exactly 0, and the log of it is -inf."""

import tensorflow as tf

ORIGIN = "NaN losses of count models (log of a zero rate), in a loop with a validation of each epoch"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "nan-forward"
EXPECT = {"w": "nan"}
SAYS = ("step 3",)


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(301)
    w = tf.Variable(tf.abs(g.normal((3, 1))))
    data = [(tf.abs(g.normal((4, 3))), tf.ones((4, 1))) for _ in range(5)]
    data[2] = (tf.zeros((4, 3)), tf.ones((4, 1)))
    for x, count in data:
        with Tape() as tape:
            rate = tf.nn.relu(x @ w)
            logged = tf.math.log(rate)  # <-- cut
            loss = tf.reduce_mean(rate - count * logged)
        slope = tape.gradient(loss, w)
        w.assign_sub(0.01 * slope)
    return {"w": slope}


if __name__ == "__main__":
    run()
