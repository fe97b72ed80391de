"""A value that was computed in one graph and kept is used in another: TensorFlow calls it out of scope."""

from __future__ import annotations

import re

from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, is_user_file
from gradlab.doctor.rules import Case, Finding, Kind, rule
from gradlab.doctor.rules.other_tensor import BEFORE_TAPE

FIX = (
    "compute it where it is used (in call()): what build() or an earlier call computed in a graph belongs to that graph"
)


def out_of_scope(text: str) -> tuple[str, list[Place]] | None:
    """TensorFlow's sentence, and the user's lines that made the tensor, innermost first; None for another text."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # Keras sets its part of a wrapped exception in bold
    sentence = re.search(r"[^\n]*is out of scope and cannot be used here[^\n.]*", text)
    if sentence is None:
        return None
    made = text.partition("was defined here:")[2].partition("cannot be accessed from")[0]
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', made)
    places = [Place(file, int(line), name) for file, line, name in frames if is_user_file(file)]
    return sentence.group().strip(), places[::-1]


@rule(Kind.RAISES, rank=12, cause=BEFORE_TAPE)
def from_another_graph(case: Case) -> Finding | None:
    """TensorFlow's exception says that a tensor is out of scope, and where it was made."""
    found = out_of_scope(str(case.error)) if case.error is not None else None
    if found is None:
        return None
    sentence, made = found
    where = [*made, *(p for p in case.raised_at if p not in made)]
    evidence = "it was computed in another graph" + (f", at line {made[0].line}" if made else "")
    return Finding(where, evidence, (Proof.ERROR,), fix=FIX, message=f"{type(case.error).__name__}: {sentence}")
