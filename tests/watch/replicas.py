"""MirroredStrategy on two logical CPUs, plain and watched: the script of a test, as it needs a fresh TensorFlow.

`replicas.py NAME ...`: the trainings of `trainings.REPLICATED` to run.
"""

import sys

import numpy as np
import tensorflow as tf

one = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(one, [tf.config.LogicalDeviceConfiguration()] * 2)

import step_on_replicas  # noqa: E402
from trainings import REPLICATED  # noqa: E402

from gradlab.watch import Watch  # noqa: E402

for name in sys.argv[1:]:
    make = REPLICATED[name]
    ends = []
    for watched in (False, True):
        model, x, y, fit = make()
        if watched and name == "two_replicas":
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x[:8]) - y[:8]) ** 2)
            expected = [float(tf.norm(g)) for g in tape.gradient(loss, model.trainable_variables)]
        watch = Watch(view=None)
        fit["shuffle"] = False
        try:
            model.fit(x, y, callbacks=[watch] if watched else [], **fit)
        except tf.errors.InvalidArgumentError as error:
            if watched or "on_a_different_device" not in str(error):
                raise
            print(
                f"{name}: XLA refuses it under this Keras without a Watch too"
            )  # legacy Keras compiles all replicas as one
            break
        ends.append([np.asarray(v) for v in model.get_weights()])
    if not ends:
        continue
    for plain, seen in zip(*ends, strict=True):
        np.testing.assert_array_equal(plain, seen)
    assert [c.step for c in watch.record.columns] == list(range(1, 7)), name
    assert watch.record.alarms == [], watch.record.alarms
    if name == "two_replicas":
        np.testing.assert_allclose(watch.record.columns[0].norm, expected, rtol=1e-5)
        np.testing.assert_allclose(watch.record.columns[0].loss, float(loss), rtol=1e-5)
step_on_replicas.check()
print(f"{len(sys.argv) - 1} trainings on two replicas")
