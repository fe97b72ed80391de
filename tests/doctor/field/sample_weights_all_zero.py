"""The class weights are looked up by a label that is not in the table: every sample weighs nothing."""

import keras
import tensorflow as tf

ORIGIN = "class weights in a custom train_step"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero", "head kernel": "zero", "head bias": "zero"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.gru, self.head = keras.layers.GRU(3), keras.layers.Dense(3)

    def call(self, x):
        return self.head(self.gru(x))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            per_sample = keras.losses.sparse_categorical_crossentropy(y, self(x), from_logits=True)
            share = tf.reduce_sum(tf.one_hot(y + 3, 3) * tf.constant([0.2, 0.3, 0.5]), -1)  # <-- also
            loss = tf.reduce_mean(share * per_sample)  # <-- cut
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return {"loss": loss, **{n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(62)
    net, x, y = Net(Tape), tf.random.normal((6, 4, 2)), tf.constant([0, 1, 2, 0, 1, 2])
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(x, y, batch_size=6, verbose=0).history
    return {n: history[n][-1] for n in EXPECT}


if __name__ == "__main__":
    run()
