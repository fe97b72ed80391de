"""Event files, loops of one's own, and alarms: what is asked under both Kerases. Functions that raise where something is wrong."""

import glob
import json
import os
import tempfile

import numpy as np
import tensorflow as tf
from trainings import LEGACY, data, keras, network

from gradlab.watch.callback import Watch


def events(folder):
    """{tag: {step: number or array of buckets}} of the event files in a folder."""
    found = {}
    for path in glob.glob(os.path.join(folder, "events*")):
        for record in tf.data.TFRecordDataset(path):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                is_number = value.WhichOneof("value") == "simple_value"
                number = value.simple_value if is_number else tf.make_ndarray(value.tensor)
                if not is_number:
                    assert value.metadata.plugin_data.plugin_name == "histograms"
                found.setdefault(value.tag, {})[event.step] = number
    return found


def small(**compiled):
    keras.utils.set_random_seed(3)
    layers = [keras.Input((4,)), keras.layers.Dense(9, "tanh", name="dense"), keras.layers.Dense(1, name="last")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1), "mse", **compiled)
    return model


def tape_histogram(model, x, y):
    """What the first step's gradient of `dense/kernel` is, by a plain tape, as counts of 30 buckets."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradient = np.asarray(tape.gradient(loss, model.trainable_variables[0]))
    return gradient, np.histogram(gradient, 30)


def histograms_are_read_back_and_training_is_the_same():
    x, y = data(8)
    plain = small()
    plain.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    for compiled in ({}, {"jit_compile": True}):
        model = small(**compiled)
        gradient, (counts, edges) = tape_histogram(model, x, y)
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch(view=None, log_dir=folder)
            model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[watch])
            found = events(folder)
        if not compiled:
            for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
        name = watch.record.names[0]
        assert {f"{n}_0_grad" for n in watch.record.names} <= set(found)
        rows = found[f"{name}_0_grad"]
        assert set(rows) == {1, 2} and rows[1].shape == (30, 3)
        np.testing.assert_allclose(rows[1][:, 0], edges[:-1], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(rows[1][:, 1], edges[1:], rtol=1e-4, atol=1e-6)
        assert rows[1][:, 2].sum() == gradient.size
        assert np.abs(rows[1][:, 2] - counts).sum() <= 2  # an entry at an edge may round to the other side
        np.testing.assert_allclose(found[f"{name}_0_grad/norm"][1], np.linalg.norm(gradient), rtol=1e-5)
        assert watch.record.columns[0].histograms == {}  # not kept


def histograms_leave_out_what_is_not_finite():
    from gradlab.watch.histograms import buckets, histogram

    made = buckets(histogram(tf.constant([1.0, np.nan, 3.0, np.inf, 3.0]), None).numpy())
    assert made[0].tolist() == [1.0, 1.0 + 2 / 30, 1.0] and made[-1][2] == 2 and made[:, 2].sum() == 3
    assert buckets(histogram(tf.constant([np.nan]), None).numpy()) is None
    assert buckets(histogram(tf.constant([2.0, 2.0]), 2.0).numpy()).tolist() == [[0.5, 1.5, 2.0]]
    sparse = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([1, 1]), tf.constant([4, 1]))
    made = buckets(histogram(sparse, None).numpy())
    assert made[0][2] == 3 and made[-1][1] == 3.0 and made[-1][2] == 1


def _own_step(model, x, y, own, optimizer, held):
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        gradients = tape.gradient(loss, held)
        own.step(gradients, held, loss)
        optimizer.apply_gradients(zip(gradients, held, strict=True))

    return step


def a_loop_of_ones_own_has_update_sizes():
    """SGD moves a weight by the rate times the gradient: the sizes of the updates are known."""
    x, y = data(8)
    for graph in (False, True):
        model = small()
        own = Watch(view=None)
        optimizer = keras.optimizers.SGD(0.1)
        held = model.trainable_variables
        if hasattr(optimizer, "build"):
            optimizer.build(held)

        step = _own_step(model, x, y, own, optimizer, held)
        taken = tf.function(step) if graph else step
        weights = []
        for _ in range(4):
            weights.append([np.linalg.norm(np.asarray(v)) for v in held])
            taken()
        own.close()
        assert len(own.record.columns) == 4
        for column, before in zip(own.record.columns, weights, strict=True):
            np.testing.assert_allclose(column.update, 0.1 * column.norm, rtol=1e-3)
            np.testing.assert_allclose(column.weight, before, rtol=1e-5, atol=1e-7)


def a_rate_that_is_too_large_is_said_in_a_loop_of_ones_own():
    weight = tf.Variable(tf.ones((3, 2)), name="kernel")
    own = Watch(view=None, ask=False)
    for n in range(12):
        gradient = weight * (1.0 if n % 2 else -1.0)
        own.step([gradient], [weight], 1.0)
        weight.assign_sub(0.9 * gradient)
    own.close()
    assert [a.rule for a in own.record.alarms] == ["update"], own.record.alarms
    assert own.record.alarms[0].step == 1


def two_kinds_of_step_in_one_loop():
    """A GAN's two halves take turns; each gets the update of its own last step."""
    a, b = tf.Variable(tf.ones(2), name="a"), tf.Variable(tf.ones(2), name="b")
    own = Watch(view=None, ask=False)
    for n in range(4):
        v, rate = (a, 0.1) if n % 2 == 0 else (b, 0.01)
        own.step([tf.ones(2)], [v], 0.0)
        v.assign_sub(rate * tf.ones(2))
    own.close()
    updates = [[float(u) for u in c.update] for c in own.record.columns]
    np.testing.assert_allclose([u[0] for u in updates[::2]], 0.1 * 2**0.5, rtol=1e-5)
    np.testing.assert_allclose([u[1] for u in updates[1::2]], 0.01 * 2**0.5, rtol=1e-4)


def a_nan_a_none_and_a_dead_layer_are_alarms_with_a_line():
    x, y = data(8)

    class Cut(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = keras.layers.Dense(3), keras.layers.Dense(1)

        def call(self, x):
            return self.last(tf.stop_gradient(self.first(x)))

    model = Cut()
    model.compile("sgd", "mse")
    watch = Watch(view=None)
    model.fit(x, y, verbose=0, callbacks=[watch])
    alarm = next(a for a in watch.record.alarms if a.rule == "none")
    assert "stop_gradient(self.first(x))" in "\n".join(alarm.lines())

    given = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="hidden")(given)
    model = keras.Model(given, keras.layers.Dense(1)(keras.layers.Lambda(lambda v: tf.math.log(v))(hidden)))
    model.compile("sgd", "mse")
    watch = Watch(view=None, stop_on=("nan",))
    model.fit(x, y, epochs=3, verbose=0, callbacks=[watch])
    alarm = next(a for a in watch.record.alarms if a.rule == "nan")
    assert alarm.step == 1 and "tf.math.log(v)" in "\n".join(alarm.lines())

    model = network(optimizer="sgd")
    model.layers[-1].trainable = True
    model.compile("sgd", lambda y, p: 0.0 * p + 1.0)
    watch = Watch(view=None)
    model.fit(x, y, epochs=12, batch_size=8, verbose=0, callbacks=[watch])
    assert "zero" in [a.rule for a in watch.record.alarms], watch.record.alarms
    return LEGACY


CASES = [
    histograms_are_read_back_and_training_is_the_same,
    histograms_leave_out_what_is_not_finite,
    a_loop_of_ones_own_has_update_sizes,
    a_rate_that_is_too_large_is_said_in_a_loop_of_ones_own,
    two_kinds_of_step_in_one_loop,
    a_nan_a_none_and_a_dead_layer_are_alarms_with_a_line,
]


SAMPLE = [a_loop_of_ones_own_has_update_sizes, a_nan_a_none_and_a_dead_layer_are_alarms_with_a_line]


def check_all(cases=CASES):
    for case in cases:
        case()
    return [case.__name__ for case in cases]


if __name__ == "__main__":
    print(json.dumps(check_all()))
