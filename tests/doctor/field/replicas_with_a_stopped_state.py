"""MirroredStrategy over two logical CPUs, eager: the state that a recurrent cell hands on is detached."""

import keras
import tensorflow as tf

ORIGIN = "truncated backpropagation in a replica function"
WAYS = ("command",)
ALONE = True
COMPILED = False
CAUSE = "stop-gradient"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "head": "ok"}


def run(Tape=tf.GradientTape):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])
    with strategy.scope():
        keras.utils.set_random_seed(307)
        cell, head = keras.layers.SimpleRNNCell(3), keras.layers.Dense(1, use_bias=False)
        cell.build((4, 2)), head.build((4, 3))
    weights = cell.trainable_variables + head.trainable_variables

    def replica_step(x):
        with Tape() as tape:
            state = tf.zeros((4, 3))
            for t in range(3):
                out, (state,) = cell(x[:, t], [state])
            out = tf.stop_gradient(out)  # <-- cut
            loss = tf.reduce_mean(head(out) ** 2)
        return tape.gradient(loss, weights)

    grads = strategy.run(replica_step, args=(tf.random.normal((4, 3, 2)),))
    return {n: strategy.experimental_local_results(g)[0] for n, g in zip(EXPECT, grads, strict=True)}


if __name__ == "__main__":
    run()
