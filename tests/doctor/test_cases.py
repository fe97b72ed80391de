"""Every case on its own: status, cause and line of each broken source, and no alarm on a healthy one."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from casefiles import FILES, judge

from gradlab.doctor.recording import hooks
from gradlab.doctor.rules import causes


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_case(path: Path) -> None:
    assert judge(path) == {}
    gc.collect()
    assert not hooks.installed()


def test_every_cause_has_a_case() -> None:
    seen = {line.split('"')[1] for p in FILES for line in p.read_text().splitlines() if line.startswith("CAUSE =")}
    assert seen - {"ok"} == set(causes())
