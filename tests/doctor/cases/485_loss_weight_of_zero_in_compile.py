"""One head of two is switched off by its loss weight, far from the layer: only `compile` says so."""

import keras
import numpy as np
import tensorflow as tf

CAUSE = "zero-masked"
FORM = "tape"
EXPECT = {"cold kernel": "zero", "cold bias": "zero", "warm kernel": "ok", "warm bias": "ok"}
CUT = '"cold": 0,'


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(3)

    class Asking(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                given = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=given)
            self.slopes = tape.gradient(loss, self.trainable_variables)
            return {"loss": loss}

    x = keras.Input((3,))
    heads = {name: keras.layers.Dense(1, name=name)(x) for name in ("cold", "warm")}
    model = Asking(x, heads)
    model.compile(
        optimizer="sgd",
        loss={"cold": "mse", "warm": "mae"},
        loss_weights={
            "warm": 1.0,
            "cold": 0,
        },
        run_eagerly=True,
    )
    rows = np.random.RandomState(1).rand(4, 3).astype("float32")
    model.train_step((tf.constant(rows), {"cold": tf.ones((4, 1)), "warm": tf.zeros((4, 1))}))
    return dict(zip(EXPECT, model.slopes, strict=True))
