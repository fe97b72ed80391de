"""Sentences whose verb is still to come: one noun far away decides whether it is "is" or "are". NumPy alone.

- `sentences`: any number of them, as token ids, with the answer and the place of the noun that decides.
- `other_number`: the same sentences with nouns changed from singular to plural and back.
- `text`: token ids as words.
- `rank_agreement`: whether two measures put the words in the same order.

The task is an old one of linguistics, number agreement with nouns of another number in between. The grammar is our own.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

_NOUNS = ("key", "door", "cabinet", "garden", "window", "table", "book", "lamp")
_ADJECTIVES = ("old", "red", "small", "heavy", "new", "broken")
_PREPOSITIONS = ("near", "behind", "beside", "above", "under", "with")
WORDS = ("", "the", *_NOUNS, *(f"{noun}s" for noun in _NOUNS), *_ADJECTIVES, *_PREPOSITIONS)  # "" is padding, id 0
LENGTH = 24  # words in a sentence
PHRASES = 6  # after the noun that decides, each with a noun of its own: so there are six that do not decide
_SHORTEST = 3  # words in a phrase: "near the door"; with an adjective it is one more

_ID = {word: number for number, word in enumerate(WORDS)}
_FIRST, _MANY = _ID[_NOUNS[0]], len(_NOUNS)
_OTHER = np.arange(len(WORDS))
_OTHER[_FIRST : _FIRST + 2 * _MANY] = np.roll(_OTHER[_FIRST : _FIRST + 2 * _MANY], _MANY)


def sentences(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` sentences of `LENGTH` words, made from a seed.

    Returns tokens (count, LENGTH) int32, ids into `WORDS`; answers (count, 1) float32, 1 for "are" and 0 for "is"; and
    places (count,), where the noun is that decides. The numbers of the other nouns are drawn without regard to it.

    >>> from gradlab.lab.agreement import sentences, text
    >>> tokens, answers, places = sentences(1)
    >>> text(tokens[0])[places[0]].endswith("s") == bool(answers[0, 0])
    True
    """
    draw = random.Random(seed)  # ten times as fast as NumPy's for one word at a time
    tokens = np.zeros((count, LENGTH), np.int32)
    answers, places = np.zeros((count, 1), np.float32), np.zeros(count, int)
    for row in range(count):
        plural = [draw.randrange(2) for _ in range(PHRASES + 1)]
        nouns = [draw.choice(_NOUNS) + "s" * number for number in plural]
        words = ["the", *draw.choices(_ADJECTIVES, k=draw.randrange(3)), nouns[0]]
        answers[row], places[row] = plural[0], len(words) - 1
        longer = LENGTH - len(words) - _SHORTEST * PHRASES  # so many phrases get an adjective: then the length is right
        described = draw.sample(range(1, PHRASES + 1), longer)
        for phrase in range(1, PHRASES + 1):
            words += [draw.choice(_PREPOSITIONS), "the"]
            words += [draw.choice(_ADJECTIVES)] if phrase in described else []
            words.append(nouns[phrase])
        tokens[row] = [_ID[word] for word in words]
    return tokens, answers, places


def other_number(tokens: Any, places: Any = None) -> np.ndarray:
    """The same tokens with nouns in the other number: all of them, or in each row the word at its place alone."""
    tokens = np.asarray(tokens)
    if places is None:
        return _OTHER[tokens].astype(tokens.dtype)
    made = tokens.copy()
    rows = np.arange(len(tokens))
    made[rows, places] = _OTHER[tokens[rows, places]]
    return made


def text(tokens: Any) -> list[str]:
    """The words of one sentence."""
    return [WORDS[int(token)] for token in tokens]


def rank_agreement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each row of two arrays (sentences, words): (sentences,), from -1 to 1.

    Equal values are ranked in their order. A real measure of a network has none.
    """
    ranks = [np.asarray(values).argsort(axis=1).argsort(axis=1) for values in (first, second)]
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)])
