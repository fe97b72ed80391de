"""No false alarm on the healthy programs; what is found of the broken ones, and how late.

The programs were written before the thresholds were set (see the history of `programs.py`).
"""

import dataclasses

import numpy as np
import pytest
from programs import BROKEN, HEALTHY, MISSED, right, watched

from gradlab.watch import rules
from gradlab.watch.columns import NONE, UNSEEN, Block, Column

# `make test` runs these: what a threshold is nearest to, one program for each rule, and the one that is missed.
SAMPLE = {
    "regression_sgd_large_targets", "attention_over_small_embeddings", "loss_scaling_overflows", "solved_exactly",
    "critic_whose_last_bias_cancels",
    "nones_filtered_out", "integer_in_the_middle", "everything_masked", "relu_killed_by_the_learning_rate",
    "nan_in_one_batch", "learning_rate_jumps", "learning_rate_far_too_small", "one_scaled_branch", "unscaled_inputs",
}  # fmt: skip
DELAY = {"nan": 0, "none": 0, "unseen": 49, "zero": 9, "dead": 49, "exploding": 5, "update": 29, "imbalance": 22}


def sampled(names):
    return [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.weekly) for n in names]


@pytest.mark.parametrize("name", sampled(HEALTHY))
def test_a_healthy_training_raises_no_alarm(name):
    watch = watched(HEALTHY[name])
    assert [a.words for a in watch.record.alarms] == []
    assert watch.record.steps >= 30


@pytest.mark.parametrize("name", sampled(BROKEN))
@pytest.mark.filterwarnings("ignore:.*radients do not exist.*")
def test_a_broken_training_is_found_in_time(name):
    program = BROKEN[name]
    alarms = watched(program.make).record.alarms
    alarm = right(program, alarms)
    assert (alarm is not None) == (name not in MISSED), [a.words for a in alarms]
    if alarm is not None:
        assert program.begins <= alarm.step <= program.begins + 5
        assert 0 <= alarm.seen - alarm.step <= DELAY[alarm.rule]


def test_there_are_as_many_programs_as_is_said():
    assert len(HEALTHY) >= 10
    assert len(BROKEN) >= 20
    assert len(MISSED) / len(BROKEN) < 0.05
    assert set(HEALTHY) | set(BROKEN) > SAMPLE


def course(rows, losses):
    """What the rules say of hand-made norms: rows of [first/kernel, last/kernel]."""
    found = rules.all_rules()
    said = []
    for step, (norms, loss) in enumerate(zip(rows, losses, strict=True), 1):
        norm = np.array(norms, np.float32)
        column = Column(step, loss, norm, norm.copy(), norm * 1e-3, np.ones_like(norm))
        said += [a for rule in found for a in rule.see(column, ["first/kernel", "last/kernel"], {0, 1})]
    return said


def test_an_explosion_names_the_step_and_the_layer_in_which_it_began():
    """The first layer's norm grows from step 21 on, the last one's two steps later."""
    rows = [[10.0 ** max(0, n - 20), 10.0 ** max(0, n - 22)] for n in range(1, 31)]
    (alarm,) = [a for a in course(rows, [1.0] * 20 + [2.0 + n for n in range(10)]) if a.rule == "exploding"]
    assert alarm.variables[0] == "first/kernel" and "first in first/kernel" in alarm.words
    assert 21 <= alarm.step <= 24 and alarm.seen <= alarm.step + 5
    assert not [a for a in course([row[:] for row in rows[:22]], [1.0] * 22) if a.rule == "exploding"]


def test_a_jump_far_below_where_training_began_is_no_explosion():
    """Adam near a loss of zero: from 1e-7 up a thousandfold for some steps, with the loss. Above the start it is one."""
    falls = [[max(10.0 ** (2 - n / 10), 1e-7), 1.0] for n in range(170)]
    losses = [max(10.0 ** -(n / 10), 1e-9) for n in range(170)]
    for jump, alarms in ((1e-4, 0), (1e5, 1)):
        said = course([*falls, *[[jump, 1.0]] * 6], [*losses, *[1.0] * 6])
        assert len([a for a in said if a.rule == "exploding"]) == alarms


def test_every_rule_has_a_name_and_a_reason():
    assert rules.names() == ["exploding", "imbalance", "nan", "none", "update", "zero"]
    for rule in rules.all_rules():
        assert type(rule).__module__.rpartition(".")[2]
        assert rule.end(0, [], set()) == []


def hard_course(seed, variables=5, steps=200):
    """Norms, losses and updates with all that a rule looks at: None, zeros, NaN, jumps, large steps, an overflow."""
    r = np.random.default_rng(seed)
    norm = 10.0 ** (np.cumsum(r.normal(0, 0.05, (steps, variables)), 0) + r.normal(0, 1, variables))
    ratio = 10.0 ** r.normal(-2, r.choice([0.3, 1.5]), (steps, variables))
    loss = np.exp(np.cumsum(r.normal(0, 0.1, steps)))
    for _ in range(r.integers(0, 4)):
        first, length, i = r.integers(0, steps), r.integers(1, 60), r.integers(0, variables)
        norm[first : first + length, i] = r.choice([0.0, np.nan, NONE, UNSEEN, 1e9, 1e-9])
    if r.random() < 0.3:
        norm[:, 0] = r.choice([0.0, NONE, UNSEEN])
    if r.random() < 0.3:
        norm[r.integers(20, steps) :] *= 1e6
    overflow = r.random(steps) < r.choice([0.0, 0.02])
    norm = norm.astype(np.float32)
    weight = np.ones_like(norm)
    return Block(np.arange(1, steps + 1), loss, norm, norm, (ratio * weight).astype(np.float32), weight, overflow)


def state(rule):
    """What a rule remembers, as text."""
    return repr({name: value for name, value in vars(rule).items() if name != "kernels"})


@pytest.mark.parametrize("seed", range(12))
def test_steps_that_are_read_together_raise_the_alarms_that_they_raise_one_by_one(seed):
    """And leave each rule in the same state."""
    whole = hard_course(seed)
    names = ["a/kernel", "a/bias", "b/kernel", "c/kernel", "c/bias"]
    listed = set(range(len(names)))
    one_by_one, together = rules.all_rules(), rules.all_rules()
    said, quiet = [[], []], 0
    for at in range(0, len(whole.steps), 16):
        rows = slice(at, at + 16)
        part = Block(*(getattr(whole, f.name)[rows] for f in dataclasses.fields(Block)[:7]))
        for a, b in zip(one_by_one, together, strict=True):
            said[0] += [alarm for column in part.columns for alarm in a.see(column, names, listed)]
            if b.quiet(part, names):
                quiet += 1
            else:
                said[1] += [alarm for column in part.columns for alarm in b.see(column, names, listed)]
            assert state(a) == state(b), (a.name, at)
    assert said[0] == said[1]
    assert quiet > 0
