"""Healthy: encoder and decoder with teacher forcing, trained by fit with a train_step of one's own."""

import keras
import tensorflow as tf

ORIGIN = "the character-level sequence-to-sequence example of Keras"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(8)}


class Seq2Seq(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.encoder = keras.layers.GRU(5, return_state=True)
        self.decoder, self.out = keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(4)

    def call(self, inputs):
        source, target = inputs
        _, state = self.encoder(source)
        return self.out(self.decoder(target, initial_state=state))

    def train_step(self, data):
        inputs, y = data
        with self.Tape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(inputs, training=True))
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return {"loss": loss, **{n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True) if g is not None}}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(17)
    net = Seq2Seq(Tape)
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=not COMPILED)
    source, target = tf.random.normal((6, 4, 3)), tf.random.normal((6, 5, 4))
    history = net.fit((source, target), tf.ones((6, 5), tf.int32), batch_size=6, verbose=0).history
    return {n: history[n][-1] if n in history else None for n in EXPECT}


if __name__ == "__main__":
    run()
