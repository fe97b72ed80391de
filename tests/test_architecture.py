"""ARCHITECTURE.md: its recipe for a cause is followed to the letter, and every file that it names is there."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from pathlib import Path

import pytest

import gradlab
from gradlab.doctor import rules as registry

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def block(name):
    """The code that stands below a mark in the page."""
    found = re.search(rf"<!-- recipe: {name} -->\s*```python\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"ARCHITECTURE.md has no code marked `recipe: {name}`"
    return textwrap.dedent(found.group(1))


def module(tmp_path, name):
    path = tmp_path / f"recipe_{name}.py"
    path.write_text(block(name), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made, path


@pytest.fixture
def own_rules(monkeypatch):
    """A registry that a test may add to."""
    known = list(registry.rules())
    monkeypatch.setattr(registry, "_RULES", known)
    monkeypatch.setattr(registry, "rules", lambda: sorted(known, key=lambda r: (str(r.question), r.rank)))
    return known


def test_the_recipe_for_a_cause_gives_a_cause(tmp_path, own_rules):
    case, path = module(tmp_path, "case")
    loss_fn, sources = case.run()
    assert gradlab.explain(loss_fn, sources).row("w").cause != case.CAUSE
    before = len(own_rules)
    module(tmp_path, "rule")
    assert len(own_rules) == before + 1
    assert len({(r.question, r.rank) for r in own_rules}) == len(own_rules), "the rank of the recipe is taken"
    report = gradlab.explain(loss_fn, sources)
    assert {r.name: r.status for r in report.rows} == case.EXPECT
    row = report.row("w")
    assert (row.cause, row.where[0].code, row.certainty) == (case.CAUSE, case.CUT, "certain")
    assert Path(row.where[0].file) == path and "printing" in row.fix


def test_every_path_on_the_page_is_there():
    named = set(
        re.findall(
            r"`((?:gradlab|tests|docs|notebooks|jacobians|rules|recording|analysis|source_code|lab)/[\w/.]*)`", TEXT
        )
    )
    assert len(named) > 15
    places = [ROOT, ROOT / "gradlab", ROOT / "gradlab" / "doctor"]
    named.discard("tests/doctor/cases/NNN_name.py")
    assert {n for n in named if not any((place / n).exists() for place in places)} == set()


def test_the_order_on_the_page_is_the_one_that_is_tested():
    line = next(line for line in TEXT.splitlines() if "→" in line)
    drawn = [part.strip() for part in re.split("→|,", line)]
    from test_layers import ORDER

    assert drawn == ORDER
