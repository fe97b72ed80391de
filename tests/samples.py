"""Samples: `make test` runs a part of what costs minutes, `make test-all` and the weekly job run all of it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def weekly(*values: Any) -> Any:
    """One set of parameters that only `make test-all` and the weekly job run."""
    return pytest.param(*values, marks=pytest.mark.weekly)


def sampled(values: Iterable[Any], every: int, first: int = 0, ids: Callable[[Any], str] | None = None) -> list[Any]:
    """Each value as a parameter; all but the `every`-th, beginning with number `first`, carry the mark `weekly`.

    Tests of the same scenarios take other numbers first, so that together they run every scenario.
    """
    return [
        pytest.param(value, marks=[] if n % every == first else [pytest.mark.weekly], id=ids(value) if ids else None)
        for n, value in enumerate(values)
    ]
