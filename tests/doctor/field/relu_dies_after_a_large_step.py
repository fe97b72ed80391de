"""A learning rate that is far too high turns every ReLU off in one step; from the second step on the gradient is zero."""

import tensorflow as tf

ORIGIN = "dying ReLU after a large step"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"w": "zero", "b": "zero"}
SAYS = ("step 2",)


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(74)
    w, b, x = tf.Variable(tf.abs(g.normal((3, 2)))), tf.Variable(tf.ones((2,))), tf.abs(g.normal((6, 3)))

    def step(x):
        with Tape() as tape:
            h = tf.nn.relu(x @ w + b)  # <-- cut
            loss = tf.reduce_mean(h**2)
        grads = tape.gradient(loss, [w, b])
        w.assign_sub(100.0 * grads[0])
        b.assign_sub(100.0 * grads[1])
        return grads

    step = tf.function(step) if COMPILED else step
    for _ in range(4):
        grads = step(x)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
