"""No false alarm on the healthy programs; what is found of the broken ones, and how late.

The programs were written before the thresholds were set (see the history of `programs.py`).
"""

import pytest
import tensorflow as tf
from programs import BROKEN, HEALTHY

from gradlab.watch import Watch, rules

MISSED = {"unscaled_inputs"}  # every layer's gradient is 1e10 alike, so no rule of sizes against each other sees it
DELAY = {"nan": 0, "none": 0, "unseen": 49, "zero": 9, "dead": 49, "exploding": 5, "update": 29, "imbalance": 22}


def watched(make):
    tf.keras.utils.set_random_seed(0)  # the same start whatever ran before
    model, x, y, fit = make()
    watch = Watch(view=None, ask=False)
    model.fit(x, y, **fit, callbacks=[watch])
    return watch


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_raises_no_alarm(name):
    watch = watched(HEALTHY[name])
    assert [a.words for a in watch.record.alarms] == []
    assert watch.record.steps >= 30


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("ignore:.*radients do not exist.*")
def test_a_broken_training_is_found_in_time(name):
    program = BROKEN[name]
    alarms = watched(program.make).record.alarms
    found = [a for a in alarms if a.rule in program.rules]
    assert bool(found) == (name not in MISSED), [a.words for a in alarms]
    for alarm in found[:1]:
        assert program.begins <= alarm.step <= program.begins + 5
        assert 0 <= alarm.seen - alarm.step <= DELAY[alarm.rule]


def test_there_are_as_many_programs_as_is_said():
    assert len(HEALTHY) >= 10
    assert len(BROKEN) >= 20
    assert len(MISSED) / len(BROKEN) < 0.05


def test_every_rule_has_a_name_and_a_reason():
    assert rules.names() == ["exploding", "imbalance", "nan", "none", "update", "zero"]
    for rule in rules.all_rules():
        assert type(rule).__module__.rpartition(".")[2]
        assert rule.end(0, [], set()) == []
