"""Every case on its own: status, cause and line of each broken source, and no alarm on a healthy one."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from casefiles import FILES, judge

from gradlab.doctor.recording import hooks

LABELS = {
    "integer-cast", "integer-source", "argmax", "argsort-topk-index", "comparison", "no-gradient-op",
    "random-sampling", "numpy-conversion",
    "py-function", "stateful-pipeline", "stop-gradient", "custom-gradient", "state-assign", "before-tape",
    "after-tape", "tape-order",
    "not-watched", "wrong-source", "variable-rebound", "non-trainable", "unconnected", "loop-condition",
    "empty-vars", "tape-misuse",
    "api-misuse", "indexed-slices", "nan-where", "nan-sqrt-norm", "nan-forward", "zero-saturated", "zero-cancel",
    "zero-masked",
    "zero-underflow", "wrong-op-gradient",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_case(path: Path) -> None:
    assert judge(path) == {}
    gc.collect()
    assert not hooks.installed()


def test_every_label_has_a_case() -> None:
    seen = {line.split('"')[1] for p in FILES for line in p.read_text().splitlines() if line.startswith("CAUSE =")}
    assert LABELS <= seen | {"ok"}
