"""How sure a diagnosis is, from what it rests on. This is the one place where that is decided.

A rule names its proofs; `of` turns them into a word:

- `certain`: at least one direct proof. What is said was seen in the run itself, or on the object.
- `likely`: one strong proof, or two weak ones that agree. One step of the argument was not seen.
- `possible`: less than that. Something else may be the cause.

`tests/doctor/test_certainty.py` counts on the cases how often each word is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Certainty(str, Enum):
    """How sure a diagnosis is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"

    def __str__(self) -> str:
        return self.value


class Proof(Enum):
    """One piece of evidence, with its weight."""

    GRADIENT = "direct", "the gradient is there on one side of the op, and absent, zero or not finite on the other"
    TAPE = "direct", "the tape's own record: when it recorded and what it was told to watch"
    ERROR = "direct", "an exception of TensorFlow that names the op or says what it refuses"
    OBJECT = "direct", "what the object itself is: its dtype, its type, whether it is trainable"
    FLOW = "strong", "the recorded ops: what an op used, and that nothing of it reaches the loss"
    VALUES = "strong", "numbers of the run: one that moved with the source, one that is equal to it"
    HEARD = "weak", "a value was handed to Python or NumPy during the run"
    RERUN = "weak", "the loss when the source is moved"
    TEXT = "weak", "the source text"

    @property
    def weight(self) -> str:
        """direct, strong or weak."""
        return self.value[0]


def of(proofs: Iterable[Proof]) -> Certainty:
    """The word for a diagnosis that rests on these proofs."""
    weights = [p.weight for p in set(proofs)]
    if "direct" in weights:
        return Certainty.CERTAIN
    if "strong" in weights or weights.count("weak") > 1:
        return Certainty.LIKELY
    return Certainty.POSSIBLE
