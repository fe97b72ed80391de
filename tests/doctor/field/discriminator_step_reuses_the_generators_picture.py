"""WGAN in one method: the picture is made under the critic's tape, which is closed when the generator's tape opens."""

import keras
import tensorflow as tf

ORIGIN = "keras.io/examples/generative/wgan_gp"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "bias": "none"}


class Wgan(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.generator, self.critic = Tape, keras.layers.Dense(3), keras.layers.Dense(1)

    def train_step(self, real):
        noise = tf.random.normal((tf.shape(real)[0], 2))
        with self.Tape() as tape:
            fake = self.generator(noise)  # <-- cut
            loss = tf.reduce_mean(self.critic(fake)) - tf.reduce_mean(self.critic(real))
        grads = tape.gradient(loss, self.critic.trainable_variables)
        with self.Tape() as tape:
            loss = -tf.reduce_mean(self.critic(fake))
        grads = tape.gradient(loss, self.generator.trainable_variables)
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(121)
    net = Wgan(Tape)
    net.generator.build((None, 2)), net.critic.build((None, 3))
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 3)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
