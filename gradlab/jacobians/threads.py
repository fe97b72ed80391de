"""Cores for many small products: our own threads over independent parts, each with a single BLAS thread.

A BLAS library that splits one small product over all cores waits for the slowest at every step, and on a busy machine
that costs a factor of ten. Independent parts need no waiting.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from gradlab.jacobians.progress import progress_bar


def workers() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks once for the BLAS libraries that are loaded


def one_blas_thread() -> Any:
    """A context in which NumPy's BLAS uses one thread."""
    return _controller().limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), thread_name_prefix="gradlab")


def run_parts(
    function: Callable[..., None], parts: Iterable[tuple[Any, ...]], threads: int | None = None, what: str = ""
) -> None:
    """function(*part) for every part, on all cores when there are several parts."""
    todo = list(parts)

    def one(part: tuple[Any, ...]) -> None:
        with np.errstate(all="ignore"):  # what is not finite shows in the result
            function(*part)

    alone = len(todo) == 1 or (threads or workers()) == 1
    with one_blas_thread(), progress_bar(len(todo), what, bool(what)) as bar:
        for _ in map(one, todo) if alone else _pool().map(one, todo):
            bar.update(1)
