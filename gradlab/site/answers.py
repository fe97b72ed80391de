"""Answers to click, where no kernel runs them: each was run when the site was built, and folds out what it gave.

A notebook shows them by `TryAnswers(MODULE.NAME)`, with a module of `gradlab/scenarios/`.

- `asked`: which answers a notebook's cell lets a learner try.
- `ran`: each answer with what it gave, run in a process of its own and kept under a hash, or here with `here`.
- `element`: the HTML of them; it needs no script.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

from gradlab.authoring.notebooks import write_whole
from gradlab.site.chunks import PACKAGE, fingerprint
from gradlab.site.compute import INFLUENCE, Failed, stored

_CALL = re.compile(r"\bTryAnswers\((\w+)\.(\w+)\)")
_HERE = "import sys; from gradlab.site.answers import run; print(run(*sys.argv[1:]))"


def asked(source: str) -> tuple[str, str] | None:
    """(module, name) of the answers that the code of a cell shows; None if it shows none."""
    match = _CALL.search(source)
    return (match[1], match[2]) if match else None


def ran(module: str, name: str, cache: Path, env: Mapping[str, str], here: bool = False) -> list[dict[str, str]]:
    """[{"answer", "words", "html"}]: what became of each answer, and its code with the gradients of its lines.

    Raises `compute.Failed` if one of them can't be run, OSError if the file can't be written.
    """
    code = (PACKAGE / "scenarios" / f"{module}.py").read_bytes() + (PACKAGE / "panel" / "try_answers.py").read_bytes()
    key = hashlib.sha256(fingerprint(INFLUENCE).encode() + code + Path(__file__).read_bytes()).hexdigest()[:20]
    kept = cache / "answers" / f"{module}.{name}-{key}.json"
    if not kept.is_file():
        if here:
            text = run(module, name)
        else:
            done = subprocess.run([sys.executable, "-c", _HERE, module, name], env=env, capture_output=True, text=True)
            if done.returncode:
                raise Failed(f"the answers {module}.{name} could not be run:\n{done.stderr[-2000:]}")
            text = done.stdout
        kept.parent.mkdir(parents=True, exist_ok=True)
        for old in kept.parent.glob(f"{module}.{name}-*.json"):
            old.unlink(missing_ok=True)
        write_whole(kept, text)
    found: list[dict[str, str]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def run(module: str, name: str) -> str:
    """The answers as JSON, each clicked once in the widget that a notebook shows. Needs TensorFlow."""
    import importlib

    from gradlab.panel.try_answers import TryAnswers
    from gradlab.runtime import tf_loading

    tf_loading.begin()
    tf_loading.wait()
    answers = getattr(importlib.import_module(f"gradlab.scenarios.{module}"), name)
    found = []
    for answer in answers:
        widget = TryAnswers({answer: answers[answer]})  # alone, so that its words say nothing of the others
        widget.choose(answer)
        if answer not in widget.found:
            raise Failed(f"{answer}: {widget.said}")
        found.append(stored({"answer": answer, "words": widget.said, "html": widget.shown}))
        widget.close()
    return json.dumps(found)


def element(found: list[dict[str, str]]) -> str:
    """One fold for each answer."""
    folds = [
        f"<details><summary>{escape(one['answer'])}</summary><p>{escape(one['words'])}</p>{one['html']}</details>"
        for one in found
    ]
    note = "On this page each answer was run when the page was made. Open the one that you believe."
    return f'<div class="gradlab-answers"><p>{note}</p>{"".join(folds)}</div>'
