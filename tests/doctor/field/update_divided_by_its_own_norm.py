"""Normalised gradient descent: at the optimum the gradient is 0 and the update is 0 / 0; from the next step on all is NaN."""

import tensorflow as tf

ORIGIN = "normalised gradients, LARS-like updates without a small number below the fraction"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "nan-forward"
EXPECT = {"w": "nan"}
SAYS = ("step 3", "before this step")


def run(Tape=tf.GradientTape):
    w, target = tf.Variable([3.0, 0.0]), tf.constant([2.0, 0.0])
    for _ in range(4):
        with Tape() as tape:
            loss = tf.reduce_sum((w - target) ** 2)  # <-- also
        slope = tape.gradient(loss, w)
        w.assign_sub(slope / tf.norm(slope))  # <-- cut
    return {"w": slope}


if __name__ == "__main__":
    run()
