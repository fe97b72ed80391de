"""Cores for many small products: our own threads over independent parts, each with a single BLAS thread.

A BLAS library that splits one small product over all cores waits for the slowest at every step, and on a busy machine
that costs a factor of ten. Independent parts need no waiting.
"""

import os
import threading
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


_lent = threading.local()
_KEPT = 1 << 22  # bytes of working memory that a thread keeps


def scratch(size: int, dtype: Any) -> np.ndarray:
    """`size` elements of working memory of this thread, with whatever was in it, until the thread asks again.

    Fresh memory has to be mapped page by page, which at some hundred kilobytes takes as long as the work in it.
    """
    kept = getattr(_lent, "memory", None)
    needed = size * np.dtype(dtype).itemsize
    if kept is None or kept.nbytes < needed:
        kept = np.empty(needed, np.uint8)
        if needed <= _KEPT:
            _lent.memory = kept
    return kept[:needed].view(dtype)


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
