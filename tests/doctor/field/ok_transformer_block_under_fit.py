"""Healthy: a transformer block with a causal mask, layer normalisation and dropout in a custom train_step."""

import keras
import tensorflow as tf

ORIGIN = "keras.io/examples/generative/text_generation_with_miniature_gpt"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"any": "ok"}


class Block(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.words = Tape, keras.layers.Embedding(9, 4)
        self.attend = keras.layers.MultiHeadAttention(2, 2)
        self.norm, self.drop, self.out = (
            keras.layers.LayerNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(9),
        )

    def call(self, ids, training=False):
        h = self.words(ids)
        h = self.norm(h + self.drop(self.attend(h, h, use_causal_mask=True), training=training))
        return self.out(h)

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(y, self(x, training=True), from_logits=True)
            )
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return {"any": tf.reduce_min([tf.norm(tf.convert_to_tensor(g)) for g in grads[:1]])}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(118)
    net, ids = Block(Tape), tf.constant([[1, 2, 3, 4], [5, 6, 7, 8]])
    net.compile("sgd", run_eagerly=not COMPILED)
    return {"any": tf.constant(net.fit(ids, ids, verbose=0).history["any"][-1])}


if __name__ == "__main__":
    run()
