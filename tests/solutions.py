"""The notebooks with their solutions, and how a cell says that an exercise is done."""

import re
from pathlib import Path

from gradlab.authoring.lesson import whole

SCRIPTS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.py"))
WHOLE = {script.stem: whole(script) for script in SCRIPTS}
DONE = re.compile(
    r"(?m)^(.*: |\S+ )?(right|alive|they agree|healthy|True)\b|^Repaired\.|^Broken, as asked\.|0 of 5 bugs|, as you said"
)
NOT_DONE = re.compile(r"(?i)not yet|not as you said|your code raised|no answer yet")


def tags(cell):
    return set(cell.metadata.get("tags", []))
