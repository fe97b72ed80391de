"""Whole programs compute the same bits with gradlab.Tape, and while every tape is recorded, as without."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from samples import sampled

import gradlab
from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.recording import hooks

FILES = sorted((Path(__file__).parent / "programs").glob("*.py"))


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"program_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bits(run: Any, Tape: Any) -> tuple[list[Any], list[Any]]:
    """Losses and final values, as NumPy arrays, from the same seeds."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    losses, variables = run(Tape)
    drawn = [tf.random.normal([2]), np.random.normal(size=2)]  # the generators are where they would be
    return [np.asarray(v) for v in [*losses, *drawn]], [np.asarray(tf.convert_to_tensor(v)) for v in variables]


def test_there_are_enough_programs():
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", sampled(FILES, 2, ids=lambda p: p.stem))
def test_the_program_does_not_notice(path: Path) -> None:
    run = load(path).run
    plain = bits(run, tf.GradientTape)
    assert all(np.isfinite(v).all() for v in plain[0])
    ours = bits(run, gradlab.Tape)
    with recorded_tapes() as opened:
        recorded = bits(run, tf.GradientTape)
    assert opened.calls
    found = reports(opened)
    assert all(r.rows for r in found)
    for other in (ours, recorded):
        for a, b in zip([*plain[0], *plain[1]], [*other[0], *other[1]], strict=True):
            np.testing.assert_array_equal(a, b)
    gradlab.last_report()
    assert not hooks.tapes_are_hooked()
