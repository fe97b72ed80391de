"""Two states are kept in variables from chunk to chunk; the first one is learned, and written into its variable at the start."""

import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"start": "none", "w": "wrong"}
CUT = "saved_h.assign(tf.tanh(start))"
CUT_ALSO = ("saved_h.assign(h)",)  # of `w`: what the later chunks give is lost here


def run():
    start, w = tf.Variable([0.2, -0.4]), tf.Variable(0.7)
    saved_h, saved_c = (tf.Variable(tf.zeros(2), trainable=False) for _ in "hc")

    def loss_fn():
        saved_h.assign(tf.tanh(start))
        saved_c.assign(tf.zeros(2))
        for x in (0.1, 0.5, -0.3):
            c = 0.9 * tf.convert_to_tensor(saved_c) + w * tf.convert_to_tensor(saved_h) + x
            h = tf.tanh(c)
            saved_h.assign(h)
            saved_c.assign(c)
        return tf.reduce_sum(h**2)

    return loss_fn, {"start": start, "w": w}
