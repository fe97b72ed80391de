"""A tf.while_loop decodes by feeding back a number that was made an integer; the loss reads only what comes of it."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#21985; tensorflow/tensorflow#16333"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "integer-cast"
EXPECT = {"pick": "zero", "look": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(4)
    pick, look = tf.Variable(g.normal((4, 4)), name="pick"), tf.Variable(g.normal((5, 4)), name="look")
    start = g.normal((3, 4))

    def body(t, state, total):
        level = tf.reduce_sum(tf.abs(state @ pick), -1)
        token = tf.cast(level, tf.int32) % 5  # <-- cut
        state = tf.gather(look, token)
        return t + 1, state, total + tf.reduce_sum(state**2)

    def step(start):
        with Tape() as tape:
            _, _, loss = tf.while_loop(lambda t, *_: t < 4, body, (tf.constant(0), start, tf.constant(0.0)))
        return tape.gradient(loss, [pick, look])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(start), strict=True))


if __name__ == "__main__":
    run()
