"""Watching changes nothing of a training, and sees what a plain tape sees. Whatever way Keras runs the step."""

import gc
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import warm
from kerases import HERE
from trainings import ALL, LEGACY, built, data, keras, network

from gradlab.watch import hooks, variables
from gradlab.watch.alarm import Alarm
from gradlab.watch.callback import Watch


def everything(model):
    """All weights and all slots of the optimizer."""
    slots = model.optimizer.variables
    return [np.asarray(v) for v in [*model.get_weights(), *(slots() if callable(slots) else slots)]]


# `make test` runs these, which take each way through the recorder once; the others are mixtures of them.
SAMPLE = {
    "partial_batch", "xla", "eager", "several_steps_in_one_call", "globally_clipped", "accumulated", "sparse", "loss_scaled",
    "two_optimizers", "legacy_optimizer",
}  # fmt: skip


@pytest.mark.parametrize("name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.weekly) for n in ALL])
def test_a_watched_training_ends_in_the_same_bits(name):
    ends = []
    for watched in (False, True):
        made = ALL[name]()
        if made is None:
            pytest.skip(f"{name} is not a way of this Keras, or this process has one logical CPU")
        model, x, y, fit = made
        watch = Watch(view=None)
        model.fit(x, y, callbacks=[watch] if watched else [], **fit)
        ends.append(everything(model))
        assert hooks.installed() == 0
        assert "train_step" not in vars(model)
        assert not type(vars(model)["train_function"]).__module__.startswith("gradlab")
    assert len(ends[0]) == len(ends[1])
    for plain, seen in zip(*ends, strict=True):
        np.testing.assert_array_equal(plain, seen)
    steps = fit["epochs"] * -(-len(x) // fit["batch_size"])
    assert [c.step for c in watch.record.columns] == list(range(1, steps + 1))


@pytest.mark.weekly
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_histograms_and_steps_that_are_not_measured_change_no_bit(jit, tmp_path):
    ends = []
    for watches in ([], [Watch(every=3, view=None)], [Watch(every=2, view=None, log_dir=tmp_path)]):
        model, x, y, fit = built(network(jit_compile=jit))
        model.fit(x, y, callbacks=watches, **fit)
        ends.append(everything(model))
    assert [c.step for c in watches[0].record.columns] == [1, 3, 5]
    for seen in ends[1:]:
        for a, b in zip(ends[0], seen, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "names",
    [
        ["two_replicas", "two_replicas_loss_scaled"],
        pytest.param(["two_replicas_clipped", "two_replicas_xla"], marks=pytest.mark.weekly),
    ],
    ids=" ".join,
)
def test_two_replicas_see_the_applied_sum_and_end_in_the_same_bits(names):
    """In a process of its own: logical CPUs must be made before TensorFlow starts."""
    script = Path(__file__).with_name("replicas.py")
    paths = os.pathsep.join([str(script.parent), str(script.parents[1] / "doctor"), *(p for p in sys.path if p)])
    done = subprocess.run(
        [*warm.python(HERE), str(script), *names],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == f"{len(names)} trainings on two replicas"


def plain_norms(model, x, y, batch):
    """Norms of the first step's gradients by an ordinary tape."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x[:batch], training=True) - y[:batch]) ** 2)
    return [float(tf.norm(tf.convert_to_tensor(g))) for g in tape.gradient(loss, model.trainable_variables)], float(
        loss
    )


@pytest.mark.parametrize("name", ["recurrent", "sparse"])
def test_numbers_are_those_of_a_plain_tape(name):
    model, x, y, fit = ALL[name]()
    expected, loss = plain_norms(model, x, y, 8)
    before = [np.asarray(v) for v in model.trainable_variables]
    watch = Watch(view=None)
    model.fit(x[:8], y[:8], **{**fit, "epochs": 1, "shuffle": False}, callbacks=[watch])
    first = watch.record.columns[0]
    np.testing.assert_allclose(first.norm, expected, rtol=1e-5)
    np.testing.assert_allclose(first.loss, loss, rtol=1e-5)
    moved = [np.linalg.norm(np.asarray(v) - b) for v, b in zip(model.trainable_variables, before, strict=True)]
    np.testing.assert_allclose(first.update, moved, rtol=1e-4)
    np.testing.assert_allclose(first.weight, [np.linalg.norm(b) for b in before], rtol=1e-5)


@pytest.mark.parametrize("keywords", [{"clipnorm": 0.1}, {"global_clipnorm": 0.1}, {"clipvalue": 0.05}], ids=str)
def test_applied_is_what_the_optimizer_applies(keywords):
    """SGD with learning rate 1 moves each weight by exactly the gradient that it applies."""
    model, x, y, fit = built(network(optimizer=keras.optimizers.SGD(1.0, **keywords), run_eagerly=True), epochs=1)
    watch = Watch(view=None)
    model.fit(x, y, **fit, callbacks=[watch])
    for column in watch.record.columns:
        np.testing.assert_allclose(column.applied, column.update, rtol=1e-4)
        assert (column.norm >= column.applied).all()


def test_what_a_custom_step_leaves_out_is_told():
    model, x, y, fit = ALL["own_step_without_nones"]()
    watch = Watch(view=None, ask=False)
    model.fit(x, y, **fit, callbacks=[watch])
    places = [watch.recorder.index[variables.key(v)] for v in model.unused.trainable_variables]
    assert len(places) == 2
    (alarm,) = watch.record.alarms
    assert (alarm.rule, alarm.variables) == ("unseen", tuple(watch.record.names[i] for i in places))
    assert {watch.record.columns[0].kind(i) for i in places} == {"unseen"}


def test_overflow_of_a_loss_scale_is_shown_and_raises_no_alarm():
    model, x, y, fit = ALL["loss_scaled"]()
    watch = Watch(view=None)
    model.fit(x, y, **fit, callbacks=[watch])
    assert watch.record.columns[0].overflow
    assert not watch.record.columns[-1].overflow
    assert watch.record.alarms == []


class At(keras.callbacks.Callback):
    def __init__(self, step, do):
        super().__init__()
        self.step, self.do = step, do

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.step:
            self.do()


def interrupt():
    raise KeyboardInterrupt


def test_nothing_stays_after_an_interrupt_or_an_error():
    model, x, y, fit = ALL["compiled"]()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, **fit, callbacks=[Watch(view=None), At(1, interrupt)])
    bad = (
        tf.data.Dataset.from_tensor_slices((x, y))
        .batch(8)
        .map(lambda a, b: (tf.debugging.assert_all_finite(a * np.nan, ""), b))
    )
    with pytest.raises(Exception, match=r"."):
        model.fit(bad, verbose=0, callbacks=[Watch(view=None)])
    assert hooks.installed() == 0
    assert "train_step" not in vars(model)
    assert "gradlab" not in repr(vars(model)["train_function"])
    watch = Watch(view=None)
    model.fit(x, y, **fit, callbacks=[watch])
    model.fit(x, y, **fit, callbacks=[watch])
    assert watch.record.steps == 12  # one Watch over two trainings goes on counting


def test_a_second_watch_in_one_fit_is_refused():
    model, x, y, fit = ALL["compiled"]()
    with pytest.raises(ValueError, match="two Watch callbacks"):
        model.fit(x, y, **fit, callbacks=[Watch(view=None), Watch(view=None)])
    model.fit(x, y, **fit, callbacks=[Watch(view=None)])


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_a_bad_step_between_two_measured_ones_is_found_with_its_batch_and_weights(jit, monkeypatch):
    # Where a step is slow, the rings are read before the last one, and training ends there.
    monkeypatch.setattr("gradlab.watch.callback.READ_SECONDS", float("inf"))
    x, y = data(48)
    x[26, 1] = np.nan  # the fourth batch of eight
    ends = []
    for steps in (6, 3):
        model = network(jit_compile=jit)
        watch = Watch(every=5, view=None, ask=False, stop_on=("nan",))
        model.fit(x[: 8 * steps], y[: 8 * steps], batch_size=8, shuffle=False, verbose=0, callbacks=[watch])
        ends.append((model, watch))
    (_, watch), (healthy, _) = ends
    assert [(a.rule, a.step) for a in watch.record.alarms] == [("nan", 4)]
    assert [c.step for c in watch.record.columns] == [1, 4, 5, 6]  # from step 4 on every step is bad, and measured
    capture = watch.recorder.replicas[0].capture
    np.testing.assert_array_equal(capture.data()[0], x[24:32])
    copies = [copy.numpy() for v, copy in capture.state.values() if any(v is w for w in ends[0][0].trainable_variables)]
    if not (LEGACY and jit):
        for copy, before in zip(copies, healthy.trainable_variables, strict=True):
            np.testing.assert_array_equal(copy, np.asarray(before))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "tf.function"])
def test_a_loop_of_ones_own(compiled):
    x, y = data()
    model, optimizer = network(), keras.optimizers.SGD(0.1)
    watch = Watch(view=None, ask=False)

    def step(a, b):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(a) - b) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        watch.step(gradients, model.trainable_variables, loss)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, tf.stack([tf.norm(g) for g in gradients])

    run = tf.function(step) if compiled else step
    for n in range(3):
        loss, sizes = run(x[8 * n : 8 * n + 8], y[8 * n : 8 * n + 8])
        last = watch.record.columns[-1]
        np.testing.assert_allclose(last.norm, sizes, rtol=1e-5)
        np.testing.assert_allclose(last.loss, loss, rtol=1e-5)
    assert watch.record.steps == 3
    with pytest.raises(ValueError, match="2 gradients and 1 variables"):
        watch.step([None, None], model.trainable_variables[:1])


@pytest.mark.weekly
def test_a_training_of_a_hundred_thousand_steps_stays_flat():
    """Memory that Python holds is the same at step 50,000 and at the end, and the columns are as many as `keep`."""
    x, y = data(8)
    model = network(optimizer=keras.optimizers.SGD(1e-3), steps_per_execution=50)
    watch = Watch(view=None, keep=100, ask=False)
    batches = tf.data.Dataset.from_tensors((x, y)).repeat()
    held = []
    for _ in range(4):
        model.fit(batches, steps_per_epoch=25_000, epochs=1, verbose=0, callbacks=[watch])
        gc.collect()
        tracemalloc.start() if not held else None
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert watch.record.steps == 100_000 and len(watch.record.columns) <= 101
    assert watch.record.columns[0].step == 1 and watch.record.columns[-1].step > 90_000
    assert held[-1] - held[1] < 100_000, held  # bytes; the columns that thinning replaces are of one size


def test_wrong_arguments_are_named():
    for keywords, words in (
        ({"every": 0}, "every is 0"),
        ({"stop_on": ["nam"]}, "stop_on has 'nam'"),
        ({"view": "tv"}, "view is 'tv'"),
    ):
        with pytest.raises(ValueError, match=words):
            Watch(**keywords)
    with pytest.raises(ValueError, match="keep is 3"):
        Watch(keep=3)
    with pytest.raises(TypeError, match=r"stop_on is the string 'nan'; expected a list of names: stop_on=\['nan'\]"):
        Watch(stop_on="nan")


def test_one_alarm_is_no_plural():
    watch = Watch(view=None)
    watch.record.alarms.append(Alarm("nan", 1, 1, (), "first NaN"))
    assert repr(watch).splitlines()[0] == "gradlab.Watch: 0 steps, 0 variables, 1 alarm"


def test_a_doctor_that_fails_does_not_end_the_training(monkeypatch):
    def fails(*_):
        raise KeyError("no such thing")

    monkeypatch.setattr("gradlab.watch.ask.step", fails)
    model, x, y, fit = ALL["compiled"]()
    y = np.full_like(y, np.nan)
    watch = Watch(view=None)
    with pytest.warns(RuntimeWarning, match="doctor failed on this step with KeyError"):
        history = model.fit(x, y, **fit, callbacks=[watch])
    assert len(history.epoch) == fit["epochs"]
    assert "Traceback" in repr(watch.record.alarms[0].report)
