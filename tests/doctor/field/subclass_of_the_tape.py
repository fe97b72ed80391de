"""Healthy use of a tape by inheritance, with a real cut: a class of the project's own derives from the tape."""

import tensorflow as tf

ORIGIN = "libraries that wrap the tape in a class"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "random-sampling"
EXPECT = {"logits": "none"}


def run(Tape=tf.GradientTape):
    tf.random.set_seed(123)

    class NamedTape(Tape):
        """A tape with a name."""

        name = "policy"

    logits, reward = tf.Variable([[0.2, 0.1, -0.4]]), tf.constant([1.0, 0.2, -1.0])
    with NamedTape() as tape:
        action = tf.random.categorical(logits, 4)  # <-- cut
        loss = -tf.reduce_mean(tf.gather(reward, action))
    return {"logits": tape.gradient(loss, logits)}


if __name__ == "__main__":
    run()
