"""Every case on its own: status, cause and line of each broken source, and no alarm on a healthy one."""

from __future__ import annotations

import gc
import re
from collections import Counter
from pathlib import Path

import pytest
from casefiles import FILES, judge

from gradlab.doctor.recording import hooks
from gradlab.doctor.rules import causes

# `make test` runs every fourth case, and those of a cause that one or two cases show. At every push a job of the workflow runs all.
_CAUSES = Counter(re.search(r'(?m)^CAUSE = "(.+)"', p.read_text(encoding="utf-8"))[1] for p in FILES)


def _params():
    for n, path in enumerate(FILES):
        cause = re.search(r'(?m)^CAUSE = "(.+)"', path.read_text(encoding="utf-8"))[1]
        marks = [] if n % 4 == 0 or _CAUSES[cause] < 3 else [pytest.mark.weekly]
        yield pytest.param(path, marks=marks, id=path.stem)


@pytest.mark.parametrize("path", list(_params()))
def test_case(path: Path) -> None:
    assert judge(path) == {}
    gc.collect()
    assert not hooks.installed()


def test_every_cause_has_a_case() -> None:
    seen = {line.split('"')[1] for p in FILES for line in p.read_text().splitlines() if line.startswith("CAUSE =")}
    assert seen - {"ok"} == set(causes())
