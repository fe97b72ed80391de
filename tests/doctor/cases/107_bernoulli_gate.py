"""A stochastic gate: uniform noise compared with a learned probability."""

import tensorflow as tf

CAUSE = "random-sampling"
EXPECT = {"gate_logit": "none", "w": "ok"}
CUT = "gate = tf.cast(noise < keep, tf.float32)"


def run():
    gate_logit, w = tf.Variable([0.2, -0.4, 0.8]), tf.Variable([1.0, 2.0, 3.0])

    def loss_fn():
        keep = tf.sigmoid(gate_logit)
        noise = tf.random.stateless_uniform([3], seed=[1, 2])
        gate = tf.cast(noise < keep, tf.float32)
        return tf.reduce_sum((gate * w - 1.0) ** 2)

    return loss_fn, {"gate_logit": gate_logit, "w": w}
