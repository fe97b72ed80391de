"""`explain(model, x, y)` of a model of a MirroredStrategy on two logical CPUs, in and out of its scope.

Called by the script that makes the two: `tests/watch/replicas.py`.
"""

import numpy as np
import tensorflow as tf

import gradlab


def check():
    to_one = (
        tf.distribute.ReductionToOneDevice()
    )  # collectives of two strategies in one process get in each other's way
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=to_one)
    keras = tf.keras
    r = np.random.RandomState(0)
    x, y = r.randn(8, 4).astype("f"), r.randn(8, 1).astype("f")
    with strategy.scope():
        given = keras.Input((4,))
        model = keras.Model(given, keras.layers.Dense(1)(keras.layers.Dense(3, "tanh")(given)))
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    before = [np.asarray(v) for v in model.get_weights()]
    out = gradlab.explain(model, x, y, level="quick")
    with strategy.scope():
        inside = gradlab.explain(model, x, y, level="quick")
        lines = gradlab.line_gradients(model, x, y, cut=False)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    for v in model.trainable_variables:
        both = strategy.experimental_local_results(
            getattr(v, "value", v) if not callable(getattr(v, "value", None)) else v
        )
        np.testing.assert_array_equal(both[0].numpy(), both[1].numpy())
    watch = gradlab.Watch(view=None, ask=False)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[watch])
    norms = dict(zip(watch.record.names, watch.record.columns[0].norm, strict=True))
    for report in (out, inside):
        assert {row.name for row in report.rows} == set(norms)
        for row in report.rows:
            assert row.status == "ok", (row.name, row.status)
            np.testing.assert_allclose(row.norm, norms[row.name], rtol=1e-4)
    assert {s.kind for s in lines.sources} == {"ok"}
