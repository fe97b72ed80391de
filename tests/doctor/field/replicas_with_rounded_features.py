"""MirroredStrategy over two logical CPUs: the replica function rounds what a dense layer made."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#36392; tensorflow/tensorflow#35226, with a cut"
WEEKLY = True
WAYS = ("tape", "command")
ALONE = True  # needs a process of its own: logical devices are made once
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "none", "v": "ok"}


def run(Tape=tf.GradientTape):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])
    with strategy.scope():
        w, v = tf.Variable([[0.4, 1.1], [2.2, -1.3]]), tf.Variable([[0.5], [0.7]])

    def replica_step(x):
        with Tape() as tape:
            code = tf.round(x @ w)  # <-- cut
            loss = tf.reduce_mean((code @ v) ** 2)
        return tape.gradient(loss, [w, v])

    def step(x):
        return strategy.run(replica_step, args=(x,))

    step = tf.function(step) if COMPILED else step
    grads = step(tf.constant([[1.0, 2.0], [-1.0, 0.7], [0.4, 1.5]]))
    return {n: strategy.experimental_local_results(g)[0] for n, g in zip(EXPECT, grads, strict=True)}


if __name__ == "__main__":
    run()
