"""In a tf.function the result of TensorArray.write is dropped: only graph mode loses it."""

import tensorflow as tf

CAUSE = "unconnected"
EXPECT = {"w": "none"}
CUT = "out.write(t, h)"
CUT_ALSO = ("return tf.reduce_sum(out.stack())",)


def run():
    w = tf.Variable(0.8)

    @tf.function
    def unroll():
        out, h = tf.TensorArray(tf.float32, size=3, element_shape=()), tf.constant(1.0)
        for t in range(3):
            h = tf.tanh(w * h)
            out.write(t, h)
        return tf.reduce_sum(out.stack())

    def loss_fn():
        return unroll()

    return loss_fn, {"w": w}
