"""Dense labels and tf.nn.ctc_loss in a compiled step: inside it TensorFlow calls a function that is defined in the old way."""

import tensorflow as tf

ORIGIN = "keras-team/keras-io: captcha and speech recognition with CTC under fit"
WAYS = ("tape",)
COMPILED = True
CAUSE = "stop-gradient"
EXPECT = {"w": "none", "scale": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(313)
    x, w, scale = g.normal((2, 6, 3)), tf.Variable(g.normal((3, 5))), tf.Variable([1.0, 0.5])
    labels = tf.constant([[1, 2], [3, 1]])

    def step():
        with Tape() as tape:
            logits = tf.stop_gradient(x @ w) * scale[:, None, None]  # <-- cut
            lost = tf.nn.ctc_loss(labels, logits, [2, 2], [6, 6], logits_time_major=False, blank_index=-1)
            loss = tf.reduce_mean(lost)
        return tape.gradient(loss, [w, scale])

    slopes = (tf.function(step) if COMPILED else step)()
    return dict(zip(EXPECT, slopes, strict=True))


if __name__ == "__main__":
    run()
