"""What the notebooks state is shown by a check: no strong sentence of a covered notebook is missing from the list."""

from pathlib import Path

import pytest
import statement_checks
import statement_checks_state
import statement_checks_tools
import yaml
from sentences import STRONG, sentences, strong

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LIST = yaml.safe_load((NOTEBOOKS / "statements.yaml").read_text(encoding="utf-8"))
ENTRIES = [(notebook, entry) for notebook, entries in LIST["statements"].items() for entry in entries]
CHECKS = {  # by name; those of the later modules are about later sentences, and none has another's name
    name: check
    for module in (statement_checks, statement_checks_state, statement_checks_tools)
    for name, check in vars(module).items()
    if getattr(check, "__module__", "") == module.__name__
}
STATES = {"instruction", "definition", "about this page"}  # what a sentence can be that needs no check


def checks(entry):
    named = entry.get("check", [])
    return [named] if isinstance(named, str) else list(named)


def script(notebook):
    return NOTEBOOKS / f"{notebook}.py"


@pytest.mark.parametrize("notebook", LIST["covered"])
def test_every_strong_sentence_of_a_covered_notebook_is_in_the_list(notebook):
    listed = {entry["sentence"] for entry in LIST["statements"][notebook]}
    missing = [s for s in strong(script(notebook)) if s not in listed]
    assert not missing, f"add to notebooks/statements.yaml, with the check that shows it:\n{chr(10).join(missing)}"


@pytest.mark.parametrize("notebook", LIST["covered"])
def test_every_sentence_of_the_list_is_still_in_the_notebook(notebook):
    there = set(sentences(script(notebook)))
    gone = [e["sentence"] for e in LIST["statements"][notebook] if e["sentence"] not in there]
    assert not gone, f"no longer in {notebook}:\n{chr(10).join(gone)}"


def test_the_list_covers_every_notebook():
    stems = {p.stem for p in NOTEBOOKS.glob("[0-9]*.py")}
    assert set(LIST["covered"]) == set(LIST["statements"]) == stems


def test_every_entry_has_a_check_or_says_what_it_is():
    for notebook, entry in ENTRIES:
        assert bool(checks(entry)) != ("states" in entry), (notebook, entry)
        assert entry.get("states", "instruction") in STATES, (notebook, entry)
        assert set(checks(entry)) <= set(CHECKS), (notebook, entry)


def named():
    """Each check once; one that trains for long says `weekly`."""
    for name in sorted({name for _, entry in ENTRIES for name in checks(entry)}):
        weekly = getattr(CHECKS.get(name), "weekly", False)
        yield pytest.param(name, marks=[pytest.mark.weekly] if weekly else [])


@pytest.mark.parametrize("name", list(named()))
def test_what_the_sentence_says_is_so(name):
    CHECKS[name]()


def test_a_strong_sentence_that_is_added_is_found(tmp_path):
    text = script("01_initial_state").read_text(encoding="utf-8")
    changed = tmp_path / "01_initial_state.py"
    changed.write_text(
        text.replace("# **Explain.** Nothing is `None`.", "# **Explain.** Nothing is `None`. A gradient is never zero.")
    )
    assert set(strong(changed)) - set(strong(script("01_initial_state"))) == {"A gradient is never zero."}
    assert STRONG.search("It is only a start.") and not STRONG.search("The note says another thing.")
