"""The last exercise: the count is right for every choice of mended bugs, and nothing is said about which are left."""

import itertools
import re
from pathlib import Path

import jupytext
import numpy as np
import pytest
import tensorflow as tf
from samples import sampled, weekly

from gradlab.lab.capstone import bugs_left

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "20_capstone.py"
MENDED = {
    "None": ('tf.round(net["stars"](data["weather"]))', 'net["stars"](data["weather"])'),
    "zero": ("Constant(-6.0)", "Constant(0.1)"),
    "wrong": ("np.clip(h, -1, 1)", "tf.clip_by_value(h, -1, 1)"),
    "missing": ('"boost": 2}', '"boost": 2, "head": 6}'),
    "NaN": ('tf.norm(net["weekday"])', 'tf.reduce_sum(net["weekday"] ** 2)'),
}
STRAIGHT = (
    'tf.round(net["stars"](data["weather"]))',
    'net["stars"](data["weather"])\n    stars = stars + tf.stop_gradient(tf.round(stars) - stars)',
)
OTHER_WAYS = {
    "None": ("tf.round(", "2 * tf.tanh("),
    "zero": ('activation="relu", bias_initializer=tf.keras.initializers.Constant(-6.0)', 'activation="softplus"'),
    "wrong": ("h = np.clip(h, -1, 1)", "h = 1.0 * h"),
    "missing": (
        "return net, weights",
        'net["head"].build((None, 6))\n    return net, [*weights, *net["head"].weights]',
    ),
    "NaN": ('tf.norm(net["weekday"])', 'tf.sqrt(tf.reduce_sum(net["weekday"] ** 2) + 1e-6)'),
}


def script(kinds, ways=MENDED):
    """The notebook's names, with the bugs of these kinds mended."""
    cells = jupytext.read(NOTEBOOK, fmt="py:percent").cells
    (code,) = [c.source for c in cells if "script" in c.metadata.get("tags", [])]
    for kind in kinds:
        old, new = ways[kind]
        assert code.count(old) == 1
        code = code.replace(old, new)
    names = {"np": np, "tf": tf}
    for source in (next(c.source for c in cells if "def make_data" in c.source), code):
        exec(source, names)
    return names


def left(names):
    return bugs_left(names["build"], names["train_step"], names["data"])


@pytest.mark.parametrize("count", [0, 1, *(weekly(n) for n in (2, 3, 4)), 5])
def test_mending_any_bug_lowers_the_count_by_one(count):
    for kinds in itertools.combinations(MENDED, count):
        checked = left(script(kinds))
        assert checked.lines[0].startswith(f"{5 - count} of 5 bugs are left."), kinds
        assert checked.passed == (count == 5)


@pytest.mark.parametrize("kind", sampled(OTHER_WAYS, 2))
def test_another_way_to_mend_counts_as_well(kind):
    assert left(script([kind], OTHER_WAYS)).lines == ("4 of 5 bugs are left.",)


@pytest.mark.parametrize("others", sampled([[], ["zero"], ["zero", "wrong", "missing", "NaN"]], 2))
def test_a_straight_through_gradient_mends_the_stars(others):
    checked = left(script([*others, "None"], {**MENDED, "None": STRAIGHT}))
    assert checked.lines[0].startswith(f"{4 - len(others)} of 5 bugs are left.")


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("NaN", (' + 0.01 * tf.norm(net["weekday"])', "")),  # the gradient of a lookup alone comes as IndexedSlices
        weekly("zero", ('activation="relu"', "activation=lambda v: tf.nn.leaky_relu(v, 0.2)")),
        ("wrong", ("np.clip(h, -1, 1)", "h if day == 0 else tf.clip_by_value(h, -0.999, 0.999)")),
    ],
)
def test_an_honest_way_that_is_not_the_usual_one_counts(kind, way):
    assert left(script([kind], {kind: way})).lines == ("4 of 5 bugs are left.",)


@pytest.mark.parametrize(
    "way",
    [
        ("weight.assign_sub(rate", "weight.assign_add(rate"),  # gradient ascent
        ("weight.assign_sub(rate * tf.convert_to_tensor(gradient))", "weight.assign_sub(rate * tf.ones_like(weight))"),
        weekly(
            (
                "weight.assign_sub(rate * tf.convert_to_tensor(gradient))",
                "weight.assign_sub(0.0 * tf.convert_to_tensor(gradient))",
            )
        ),
    ],
)
def test_a_step_that_is_not_down_the_slope_mends_nothing(way):
    assert left(script([*MENDED, "step"], {**MENDED, "step": way})).lines == ("5 of 5 bugs are left.",)


def test_the_count_names_no_part_and_no_kind():
    words = set(re.findall(r"\w+", " ".join(left(script([])).lines)))
    assert not words & {"cell", "stars", "boost", "weekday", "head", "none", "zero", "wrong", "missing", "NaN"}


def test_the_mended_script_learns_and_the_broken_one_does_not():
    for kinds, learns in ((MENDED, True), ([], False)):
        names = script(kinds)
        net, weights = names["build"]()
        losses = [float(names["train_step"](net, weights, names["data"])) for _ in range(60)]
        assert bool(losses[-1] < 0.3 * losses[0]) is learns


def test_a_part_that_is_taken_out_of_the_network_is_not_mended():
    names = script([])
    build = names["build"]

    def smaller():
        net, weights = build()
        return {name: part for name, part in net.items() if name == "head"}, weights

    checked = bugs_left(smaller, lambda *_: 0.0, names["data"])
    assert checked.lines == ("5 of 5 bugs are left.",)


def test_an_exception_in_the_script_is_reported():
    def build():
        raise ValueError("no such layer")

    checked = bugs_left(build, lambda *_: 0.0, {})
    assert not checked.passed and "ValueError: no such layer" in checked.lines[0]
    checked = bugs_left(lambda: ({"cell": 3}, []), lambda *_: 0.0, {})
    assert "net['cell'] is a int; expected a layer or a variable" in checked.lines[0]


def test_the_check_leaves_the_weights_as_it_found_them():
    names = script(MENDED)
    net, weights = names["build"]()
    before = [tf.convert_to_tensor(w).numpy() for w in weights]
    bugs_left(lambda: (net, weights), names["train_step"], names["data"])
    for weight, was in zip(weights, before, strict=True):
        np.testing.assert_array_equal(tf.convert_to_tensor(weight).numpy(), was)
