"""Every scenario against something that is not TensorFlow's tape. New scenario files are found by themselves.

Finite differences in float64 judge every reading at both positions of the switch, under both Keras versions. The
recurrent scenarios are computed once more in JAX, from copied weights.
"""

import dataclasses
from pathlib import Path

import pytest
import tensorflow as tf
from kerases import COMPARED, DIFFERENCES, GROUP, scenarios_there, under_the_other_keras
from oracle.differences import contradictions
from samples import sampled

import gradlab

NAMES = gradlab.names()
SCENARIOS = Path(gradlab.__file__).with_name("scenarios")
RECURRENT = [n for n in NAMES if any(w in (SCENARIOS / f"{n}.py").read_text() for w in ("RNN", "LSTM", "GRU"))]


@pytest.mark.parametrize("name", sampled(NAMES, 2))
def test_finite_differences_in_float64_confirm_every_reading(name):
    assert contradictions(gradlab.load(name)) == []


@pytest.mark.xdist_group(GROUP)
@pytest.mark.parametrize("name", COMPARED)
def test_finite_differences_confirm_every_reading_under_the_other_keras(name):
    assert scenarios_there()[name]["contradictions"] == []


@pytest.mark.weekly
def test_finite_differences_confirm_all_other_scenarios_under_the_other_keras():
    rest = [name for name in NAMES if name not in COMPARED]
    assert under_the_other_keras(DIFFERENCES % rest) == {name: [] for name in rest}


@pytest.mark.parametrize("name", sampled(RECURRENT, 3, first=1))
def test_the_same_network_in_jax_has_the_same_gradients(name):
    pytest.importorskip("jax", reason="JAX is not installed: THE SECOND ORACLE DID NOT RUN")
    from oracle.in_jax import gaps
    from oracle.twins import TWINS

    if name not in TWINS:  # a new scenario is one file and one notebook: its twin is welcome, not demanded
        pytest.skip(f"NO TWIN IN JAX FOR `{name}` in tests/oracle/twins.py: only finite differences checked it")
    found = gaps(gradlab.load(name), TWINS[name])
    assert {source: gap for source, gap in found.items() if not gap < 1e-9} == {}


def flipped_result(bug, **things):
    """`state_inside_layer` with the sign of one gradient flipped after the tape has answered."""
    loss, sources, gradients = gradlab.load("state_inside_layer").run(bug, **things)
    return loss, sources, {**gradients, "recurrent_kernel": -gradients["recurrent_kernel"]}


def flipped_rule(bug, cell, x):
    """`numpy_roundtrip` with an activation that is tanh, and whose derivative has a wrong sign."""

    @tf.custom_gradient
    def tanh(value):
        result = tf.tanh(value)
        return result, lambda upstream: upstream * (1 + result**2)

    cell.activation = tanh
    return gradlab.load("numpy_roundtrip").run(bug, cell=cell, x=x)


@pytest.mark.parametrize(
    ("name", "run", "caught"),
    [
        ("state_inside_layer", flipped_result, {"recurrent_kernel"}),
        ("numpy_roundtrip", flipped_rule, {"kernel", "recurrent_kernel", "bias"}),
    ],
)
def test_a_flipped_sign_is_caught(name, run, caught):
    original = gradlab.load(name)
    assert contradictions(original) == []
    found = contradictions(dataclasses.replace(original, run=run))
    off = [line for line in found if line.startswith(repr(original.switch[0]))]
    assert {
        source for source in original.run(False, **original.setup())[1] if any(f" {source}:" in s for s in off)
    } == caught
    assert any("float64" in line for line in off) and any("float32" in line for line in off)


def test_a_flipped_sign_is_caught_in_jax():
    pytest.importorskip("jax", reason="JAX is not installed: THE SECOND ORACLE DID NOT RUN")
    from oracle.in_jax import gaps
    from oracle.twins import TWINS

    bad = dataclasses.replace(gradlab.load("state_inside_layer"), run=flipped_result)
    found = gaps(bad, TWINS["state_inside_layer"])
    assert (
        found["recurrent_kernel"] > 1 and max(gap for name, gap in found.items() if name != "recurrent_kernel") < 1e-9
    )
