"""Multiple-choice questions with code, one file each in `gradlab/questions`, found by looking there.

- `Question`, `Answer`: one of them; a wrong answer is one thing that people believe, with what is wrong about it.
- `all_questions`, `load_question`: what there is, without loading TensorFlow.

A file is YAML with `title`, `question`, `answers`, and either `scenario`, whose `run` is then the code, or `code`. Each answer
has `text`, `why`, and `right: true` if it is; `means` or `measured` is how the tests hold it against a run:

- `means`: the kinds of the gradients with the scenario's switch on. One word for all, or source -> word, or {3: ..., 2: ...}
  where the two versions of Keras differ.
- `measured`: a Python expression over the names of the code (for a scenario: `off`, `on`) with np, tf and `raised`.

A right answer must hold in the run, a wrong one must not.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "questions"
_SCENARIOS = Path(__file__).parents[1] / "scenarios"
_FIELDS = {"title", "scenario", "code", "question", "answers"}
_OF_ANSWER = {"text", "why", "right", "means", "measured"}
LETTERS = "ABCDE"  # more than five answers are not read


@dataclass(frozen=True)
class Answer:
    """One answer: what it says, why it is right or not, and how a test finds out."""

    text: str
    why: str
    right: bool
    means: Any = None
    measured: str = ""


@dataclass(frozen=True)
class Question:
    """A question about a piece of code; exactly one answer is right.

    `code` is what the learner reads; `scenario` is the name of the scenario that it is the `run` of, or "". `setup` is the
    scenario's `setup` where that defines classes, which `code` uses, or "".
    """

    key: str
    title: str
    code: str
    question: str
    answers: tuple[Answer, ...]
    scenario: str = ""
    setup: str = ""

    @property
    def right(self) -> str:
        """The letter of the right answer."""
        return next(letter for letter, answer in self.lettered if answer.right)

    @property
    def lettered(self) -> tuple[tuple[str, Answer], ...]:
        """The answers with their letters."""
        return tuple(zip(LETTERS, self.answers, strict=False))


def all_questions() -> list[Question]:
    """Every question, sorted by key. Raises ValueError for a file that is not a question, naming it and what is wrong.

    >>> from gradlab.lab.questions import all_questions
    >>> all_questions()[0].title
    'Padding at every step'
    """
    return [load_question(path.stem) for path in sorted(FOLDER.glob("*.yaml"))]


def load_question(key: str) -> Question:
    """The question of that key, which is its file's name. Raises LookupError for an unknown one, naming the nearest and all there are."""
    path = FOLDER / f"{key}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in FOLDER.glob("*.yaml"))
        near = difflib.get_close_matches(key, known, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise LookupError(f"There is no question `{key}`.{hint} There are: {', '.join(known)}.")
    return _parsed(key, path.read_text(encoding="utf-8"))


def has_question(key: str) -> bool:
    """Whether there is a question of that key."""
    return (FOLDER / f"{key}.yaml").is_file()


@cache
def _parsed(key: str, text: str) -> Question:
    import yaml

    found = yaml.safe_load(text)
    if not isinstance(found, Mapping):
        raise ValueError(f"questions/{key}.yaml: found {type(found).__name__}, expected a mapping of {sorted(_FIELDS)}")
    answers = found.get("answers") or []
    wrong = _wrong(found, answers)
    if wrong:
        raise ValueError(f"questions/{key}.yaml: {wrong}")
    return Question(
        key=key,
        title=found["title"],
        code=(_code_of(found["scenario"], "run")[0] if "scenario" in found else found["code"]).rstrip(),
        question=found["question"],
        answers=tuple(Answer(**{"right": False, **answer}) for answer in answers),
        scenario=found.get("scenario", ""),
        setup=_setup_with_classes(found["scenario"]) if "scenario" in found else "",
    )


def _wrong(found: Mapping[str, Any], answers: Any) -> str:
    """What is wrong with a file, or ""."""
    unknown = set(found) - _FIELDS
    if unknown:
        return f"unknown field {sorted(unknown)[0]!r}, expected {', '.join(sorted(_FIELDS))}"
    if ("scenario" in found) == ("code" in found):
        return "expected either `scenario` or `code`"
    for name in ("title", "question"):
        if not isinstance(found.get(name), str):
            return f"`{name}` is {found.get(name)!r}, expected a text"
    if not 2 <= len(answers) <= len(LETTERS):
        return f"{len(answers)} answers, expected 2 to {len(LETTERS)}"
    for answer in answers:
        if set(answer) - _OF_ANSWER or not all(isinstance(answer.get(name), str) for name in ("text", "why")):
            return f"the answer {answer!r}, expected text, why and one of right, means, measured"
        if "means" not in answer and "measured" not in answer:
            return f"the answer {answer['text']!r} has neither `means` nor `measured`: no test could tell whether it is right"
    if sum(bool(answer.get("right")) for answer in answers) != 1:
        return "expected exactly one answer with `right: true`"
    return ""


def _code_of(scenario: str, name: str) -> tuple[str, ast.FunctionDef]:
    """The text of a scenario's function, read without importing it, because that would load TensorFlow."""
    text = (_SCENARIOS / f"{scenario}.py").read_text(encoding="utf-8")
    found = next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    return "\n".join(text.splitlines()[found.lineno - 1 : found.end_lineno]), found


def _setup_with_classes(scenario: str) -> str:
    """The text of its `setup` where that defines classes, else ""."""
    text, setup = _code_of(scenario, "setup")
    return text if any(isinstance(node, ast.ClassDef) for node in ast.walk(setup)) else ""
