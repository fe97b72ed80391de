"""A bandit that learns while it plays: the drawn arm says which score counts, and the scores were cut off a line later."""

import tensorflow as tf

CAUSE = "stop-gradient"
FORM = "tape"
EXPECT = {"scores": "zero", "habit": "ok"}
CUT = "odds = tf.nn.log_softmax(tf.stop_gradient(liking))"


@tf.numpy_function(Tout=tf.float32)
def payout(arm):
    return (arm + 1.0).astype("float32")


def run(Tape=tf.GradientTape):
    scores, habit = tf.Variable([[0.1, 0.4, -0.2]]), tf.Variable(0.3)

    @tf.function
    def play(turns):
        with Tape() as tape:
            mood, chosen, hopes = (
                tf.constant(1.0),
                tf.TensorArray(tf.float32, 0, True),
                tf.TensorArray(tf.float32, 0, True),
            )
            for t in tf.range(turns):
                liking = scores * mood
                hopes = hopes.write(t, habit * mood)
                arm = tf.random.categorical(liking, 1, seed=4)[0, 0]
                odds = tf.nn.log_softmax(tf.stop_gradient(liking))
                chosen = chosen.write(t, odds[0, arm])
                mood = payout(arm)
                mood.set_shape(())
            total = -tf.reduce_sum(chosen.stack()) + tf.reduce_sum((hopes.stack() - 1.0) ** 2)
        return tape.gradient(total, [scores, habit])

    return dict(zip(EXPECT, play(tf.constant(3)), strict=True))
