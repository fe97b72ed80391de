"""All chunks that are not there yet, computed in worker processes, with a progress bar and an estimate."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from gradlab.site.chunks import Chunk, read, write

_kept: list[Any] = []  # what `kernels.keep` gave, once in each worker


class Failed(RuntimeError):
    """A position could not be computed; the message names the panel and the position."""


@dataclass
class Cost:
    """What computing took: positions that were computed, that were there already, and CPU seconds of the workers."""

    computed: int = 0
    kept: int = 0
    cpu: float = 0.0


def knobs(names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """{panel: its knobs}, found in a process of its own: this one needs no TensorFlow."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_begin) as pool:
        return pool.submit(_knobs, list(names)).result()


def missing(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The chunks whose file is not there or can't be read."""
    return [chunk for chunk in chunks if read(chunk) is None]


def compute(chunks: Sequence[Chunk], jobs: int, say: Callable[[str], None]) -> Cost:
    """Compute what is missing. Files that are done stay, whatever happens: the next call goes on from there.

    Raises Failed if a panel can't be measured, OSError if a file can't be written, and passes KeyboardInterrupt on;
    the workers are ended in each case.
    """
    wanted = missing(chunks)
    cost = Cost(kept=sum(len(c.positions) for c in chunks) - sum(len(c.positions) for c in wanted))
    if not wanted:
        return cost
    for folder in {chunk.file.parent for chunk in wanted}:
        folder.mkdir(parents=True, exist_ok=True)
    total = sum(len(chunk.positions) for chunk in wanted)
    say(f"computing {total} positions in {jobs} processes ({cost.kept} are there already)")
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    pool = ProcessPoolExecutor(min(jobs, len(wanted)), mp_context=context, initializer=_begin)
    try:
        with _bar(total) as bar:
            running: dict[Future[float], Chunk] = {}
            queue = list(reversed(wanted))
            while queue or running:
                while queue and len(running) < 2 * jobs:  # a few ahead, so that an interrupt need not cancel thousands
                    chunk = queue.pop()
                    running[pool.submit(_work, chunk)] = chunk
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    chunk = running.pop(done)
                    cost.cpu += done.result()
                    cost.computed += len(chunk.positions)
                    bar.set_postfix_str(chunk.name, refresh=False)
                    bar.update(len(chunk.positions))
        pool.shutdown()
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 (a pool can end no worker before Python 3.14)
            process.terminate()  # a worker is in the middle of ten seconds of work that nobody wants any more
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return cost


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="pos", desc="positions", file=sys.stderr, mininterval=0.5, dynamic_ncols=True)


def _begin() -> None:
    """Once in each worker: one thread each, for there is a worker for each core."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ["GRADLAB_STRICT"] = "1"  # a scenario that breaks must stop the build, not be shown as a panel's error
    from gradlab.runtime import tf_loading

    tf_loading.begin()


def _knobs(names: list[str]) -> dict[str, list[dict[str, Any]]]:
    from gradlab.site.compute import knobs_of

    return {name: knobs_of(name) for name in names}


def _work(chunk: Chunk) -> float:
    """Compute one chunk and write its file; the CPU seconds that it took."""
    from gradlab.runtime.tf_environment import set_tf_defaults
    from gradlab.site.compute import computed

    set_tf_defaults()
    if not _kept:
        from gradlab.site.kernels import keep

        _kept.append(keep())
        gc.collect()
        gc.freeze()  # TensorFlow's and Keras' half a million objects need not be looked through again and again
    before = time.process_time()
    try:
        found = computed(chunk.name, chunk.knobs(), trained=chunk.first)
    except Exception as error:
        raise Failed(
            f"{chunk.name}: no position from {dict(chunk.positions[0])} on could be computed: "
            f"{type(error).__name__}: {error}"
        ) from error
    write(chunk, found)
    return time.process_time() - before
