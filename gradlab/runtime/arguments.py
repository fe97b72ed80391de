"""What an argument may be, where a mistake would otherwise pass unseen."""

from __future__ import annotations

from collections.abc import Iterable


def no_string(given: object, argument: str) -> None:
    """TypeError for a string where a list of names is meant: taken as a list, it would be the list of its letters."""
    if isinstance(given, str):
        raise TypeError(f"{argument} is the string {given!r}; expected a list of names: {argument}=[{given!r}]")


def names(given: Iterable[str], argument: str) -> tuple[str, ...]:
    """A list of names as a tuple. TypeError for a string."""
    no_string(given, argument)
    return tuple(given)
