"""Watching changes nothing of a training, and sees what a plain tape sees. Whatever way Keras runs the step."""

import numpy as np
import pytest
import tensorflow as tf
from trainings import ALL, LEGACY, Gan, built, data, keras, network

from gradlab.watch import hooks
from gradlab.watch.callback import Watch


def everything(model):
    """All weights and all slots of the optimizer."""
    slots = model.optimizer.variables
    return [np.asarray(v) for v in [*model.get_weights(), *(slots() if callable(slots) else slots)]]


@pytest.mark.parametrize("name", ALL)
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
