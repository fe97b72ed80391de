"""A compiled step fits a variance without keeping it above zero; it crosses zero and its root is NaN. The step returns
the loss only."""

import tensorflow as tf

ORIGIN = "maximum likelihood of a Gaussian with an unconstrained variance"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = ("nan-forward", "nan-sqrt-norm")
EXPECT = {"variance": "nan"}
SAYS = ("step 4",)


def run(Tape=tf.GradientTape):
    variance, kept, x = tf.Variable([0.9]), tf.Variable([0.0]), tf.constant([0.1, -0.2, 0.05])

    def step():
        with Tape() as tape:
            spread = tf.sqrt(variance)  # <-- cut
            loss = tf.reduce_mean((x / spread) ** 2) + 0.8 * tf.reduce_sum(spread)
        slope = tape.gradient(loss, variance)
        kept.assign(slope)
        variance.assign_sub(0.8 * slope)
        return loss

    step = tf.function(step) if COMPILED else step
    for _ in range(7):
        step()
    return {"variance": kept.read_value()}


if __name__ == "__main__":
    run()
