"""A gradient by the adjoint of a differential equation, solved backwards in as many steps: right up to the step."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"rate": "ok"}
CUT = ""
STEPS = 20


def run():
    rate = tf.Variable(0.8)

    @tf.custom_gradient
    def decay(rate):
        """y' = -rate y from 1, by Euler's method; the adjoint runs back by the midpoint rule."""
        h, y = 1.0 / STEPS, tf.constant(1.0)
        for _ in range(STEPS):
            y = y - h * rate * y

        def backward(upstream):
            a, g, back = upstream, tf.constant(0.0), y
            for _ in range(STEPS):
                middle, half = back + 0.5 * h * rate * back, a - 0.5 * h * rate * a
                g = g - h * half * middle
                back, a = back + h * rate * middle, a - h * rate * half
            return g

        return y, backward

    return lambda: decay(rate * 1.0) ** 2, {"rate": rate}
