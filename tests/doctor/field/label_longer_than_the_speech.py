"""CTC: the label is longer than the frames, and the loss was told to leave such a sample out."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#8216; ypwhs/captcha_break#29"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {
    "lstm kernel": "zero",
    "lstm recurrent": "zero",
    "lstm bias": "zero",
    "out kernel": "zero",
    "out bias": "zero",
}
SAYS = ("label",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(53)
    lstm, out, x = keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(4), tf.random.normal((1, 3, 2))
    out(lstm(x))
    label = tf.SparseTensor([[0, i] for i in range(5)], tf.constant([0, 1, 2, 1, 0]), [1, 5])

    def step(x):
        with Tape() as tape:
            logits = tf.transpose(out(lstm(x)), [1, 0, 2])
            per_sample = tf.compat.v1.nn.ctc_loss(  # <-- cut
                label, logits, tf.constant([3]), ignore_longer_outputs_than_inputs=True
            )
            loss = tf.reduce_mean(per_sample)
        return tape.gradient(loss, lstm.trainable_variables + out.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
