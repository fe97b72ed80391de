"""The truth table: the committed one agrees with a run made now, and a difference of any kind is named."""

import copy
import itertools
import json
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest
from kerases import GROUP, HERE, OTHER, measured_there

import gradlab
from gradlab.claims import _measured as _measured_by_the_command
from gradlab.claims import as_text, collect
from gradlab.claims.page import page, summary
from gradlab.claims.sources import CLAIMS, DOCUMENTS
from gradlab.claims.table import build, close, differences, unmeasured
from gradlab.cli import main
from gradlab.lab.markdown import as_markdown

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def table():
    return json.loads((DOCS / "claims.json").read_text(encoding="utf-8"))


@pytest.mark.weekly
def test_the_command_finds_the_committed_table_in_two_processes(capsys):
    assert main(["claims", "--check", "--folder", str(DOCS)]) == 0, capsys.readouterr().out


@pytest.mark.xdist_group(GROUP)
def test_the_committed_table_agrees_with_a_run_on_both_keras_versions(capsys, monkeypatch):
    """The same without a process for each Keras: this one, and the one that other tests ask as well."""
    measured_here = {
        "versions": collect._versions(HERE),
        "scenarios": {n: collect.measured(n, HERE) for n in gradlab.names()},
    }
    found = {HERE: measured_here, OTHER: measured_there()}
    monkeypatch.setattr("gradlab.claims._measured", found.__getitem__)
    assert main(["claims", "--check", "--folder", str(DOCS)]) == 0, capsys.readouterr().out


def test_each_keras_is_measured_in_a_process_of_its_own_and_read_from_its_file(monkeypatch):
    """Here in this process, which is of one Keras, and with one scenario: the command, its environment and the file."""
    asked = []

    def run(command, env, check):
        asked.append((command[:-1], env["TF_USE_LEGACY_KERAS"], check))
        monkeypatch.setattr("sys.argv", command[2:])
        runpy.run_path(collect.__file__, run_name="__main__")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("gradlab.lab.scenario.names", lambda: ["rounding"])
    monkeypatch.setattr("gradlab.claims.subprocess", types.SimpleNamespace(run=run))
    found = _measured_by_the_command(HERE)
    command = [sys.executable, "-m", "gradlab.claims.collect", str(HERE)]
    assert asked == [(command, "1" if HERE == 2 else "0", False)]
    assert found == {"versions": collect._versions(HERE), "scenarios": {"rounding": collect.measured("rounding", HERE)}}


def test_every_claim_has_a_verdict_and_every_scenario_a_claim(table):
    assert unmeasured(table) == {}
    assert {c["id"] for c in table["claims"]} == set(CLAIMS)
    assert set(table["scenarios"]) == set(gradlab.names())
    for name, scenario in table["scenarios"].items():
        assert scenario["claims"], name
        assert set(scenario["claims"]) <= set(CLAIMS), name


def test_every_document_is_the_source_of_some_claim():
    assert {c.source for c in CLAIMS.values()} - {"issue threads and practice"} == set(DOCUMENTS)


def test_the_page_shows_every_claim_scenario_and_source_and_how_it_was_made(table):
    text = page(table)
    assert "`gradlab claims`" in text.partition("## ")[0]
    for claim in table["claims"]:
        assert f"\n### {claim['id']}\n" in text and as_markdown(claim["claim"]) in text and claim["source"] in text
    for name, scenario in table["scenarios"].items():
        assert text.count(f"(`{name}`)") == 1, "shown once, and only named a second time"
        for side in ("off", "on"):
            for source in scenario["3"][side]["readings"]:
                assert f"\n| {source} | " in text
    levels = [len(m) for m in re.findall(r"^(#+) ", text, re.M)]
    assert levels.count(1) == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert len(summary(table).splitlines()) == len(CLAIMS) + 1


def first(table, kind):
    """A reading of that kind with the switch on: (scenario, source, reading)."""
    for name, scenario in table["scenarios"].items():
        for source, reading in scenario["3"]["on"]["readings"].items():
            if reading["kind"] == kind:
                return name, source, reading
    raise LookupError(f"no reading of kind {kind}")


def test_a_table_does_not_differ_from_itself(table):
    assert differences(table, copy.deepcopy(table)) == []


def test_another_kind_verdict_number_or_error_is_named(table):
    changed = copy.deepcopy(table)
    none, none_source, reading = first(changed, "none")
    reading["kind"] = "zero"
    ok, ok_source, reading = first(changed, "ok")
    reading["largest"] *= 1.5
    changed["scenarios"][none]["2"]["verdict"] = "never measured"
    changed["scenarios"][ok]["3"]["off"]["error"] = "ValueError: new"
    changed["claims"][0]["verdict"]["3"] = "never measured"
    found = "\n".join(differences(table, changed))
    assert f"scenario {none}, Keras 3, switch on, {none_source}: kind was 'none', is 'zero'" in found
    assert f"scenario {ok}, Keras 3, switch on, {ok_source}: largest was" in found
    assert f"scenario {none}, Keras 2: verdict was" in found
    assert f"scenario {ok}, Keras 3, switch off: error was none, is ValueError: new" in found
    assert f"claim {table['claims'][0]['id']}: verdict was" in found


def test_a_scenario_or_source_that_comes_or_goes_is_named(table):
    changed = copy.deepcopy(table)
    name, source, _ = first(changed, "none")
    del changed["scenarios"][name]["3"]["on"]["readings"][source]
    other = next(n for n in table["scenarios"] if n != name)
    del changed["scenarios"][other]
    found = "\n".join(differences(table, changed))
    assert f"{source} is no longer measured" in found
    assert f"scenario {other} is in the committed table and not in this run" in found
    assert f"scenario {other} is in this run and not in the committed table" in "\n".join(differences(changed, table))


def test_what_no_run_decides_has_no_verdict(table):
    measured = {int(k): {"versions": table["versions"][k], "scenarios": {}} for k in ("3", "2")}
    empty = build(measured)
    assert set(unmeasured(empty)) == set(CLAIMS)
    assert "No verdict" in page(empty) and "not measured" in summary(empty)
    assert not re.search(r"\*\*(Confirmed|Refuted|Half true)\*\*", page(empty))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1.2, 1.3, True),
        (1.2, 1.4, False),
        (9.9, 10.0, True),
        (1e-9, 5e-9, True),
        (0.0, 1e-3, False),
        (None, None, True),
        (None, 0.0, False),
        ("NaN", "NaN", True),
        ("NaN", 1.0, False),
        (-2.0, 2.0, False),
    ],
)
def test_numbers_agree_within_one_unit_of_the_second_digit(a, b, same):
    assert close(a, b) is same


def test_a_missing_table_and_a_missing_tf_keras_are_said(tmp_path, capsys, monkeypatch):
    assert main(["claims", "--check", "--folder", str(tmp_path)]) == 2
    assert "there is no file" in capsys.readouterr().err
    monkeypatch.setattr("gradlab.runtime.tf_environment.importlib.util.find_spec", lambda name: None)
    assert main(["claims", "--folder", str(tmp_path)]) == 2
    assert "tf_keras" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_page_edited_by_hand_is_noticed(table, tmp_path, capsys, monkeypatch):
    sides = {int(k): {"versions": table["versions"][k], "scenarios": _measured(table, k)} for k in ("3", "2")}
    monkeypatch.setattr("gradlab.claims._measured", lambda keras: sides[keras])
    assert main(["claims", "--folder", str(tmp_path)]) == (1 if unmeasured(table) else 0)
    assert main(["claims", "--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "claims.md").write_text("better verdicts")
    assert main(["claims", "--check", "--folder", str(tmp_path)]) == 1
    assert "is not the page of claims.json" in capsys.readouterr().out


def _measured(table, keras):
    words = ("title", "claims", "claim", "switch")
    return {n: {**{w: s[w] for w in words}, **s[keras]} for n, s in table["scenarios"].items()}


def test_the_file_has_one_claim_or_scenario_a_line(table):
    text = as_text(table)
    assert json.loads(text) == table
    assert text == (DOCS / "claims.json").read_text(encoding="utf-8")
    assert len(text.splitlines()) < len(table["claims"]) + len(table["scenarios"]) + 20
