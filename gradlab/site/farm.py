"""All panels that are not there yet, computed in worker processes, with a progress bar and an estimate."""

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

from gradlab.site.chunks import Chunk, head, write
from gradlab.site.compute import Failed as Failed
from gradlab.site.grid import count

_kept: list[Any] = []  # what `kernels.keep` gave, once in each worker


@dataclass
class Cost:
    """What computing took: positions that were computed, that were there already, and CPU seconds of the workers."""

    computed: int = 0
    kept: int = 0
    cpu: float = 0.0


def workers(jobs: int) -> ProcessPoolExecutor:
    """Processes that load TensorFlow and keep it."""
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)


def compute(
    chunks: Sequence[Chunk], jobs: int, say: Callable[[str], None], pool: ProcessPoolExecutor | None = None
) -> Cost:
    """Compute what is missing, in `jobs` processes, or in those of `pool`. Files that are done stay, whatever happens: the next call goes on from there.

    Raises Failed if a panel can't be measured, OSError if a file can't be written, and passes KeyboardInterrupt on;
    the workers are ended in each case.
    """
    found = {chunk: head(chunk) for chunk in chunks}
    wanted = [chunk for chunk in chunks if found[chunk] is None]
    cost = Cost(kept=sum(count(made["grid"]) for made in found.values() if made))
    if not wanted:
        return cost
    for folder in {chunk.file.parent for chunk in wanted}:
        folder.mkdir(parents=True, exist_ok=True)
    say(f"computing {len(wanted)} panels in {jobs} processes ({len(chunks) - len(wanted)} are there already)")
    pool = pool or workers(min(jobs, len(wanted)))
    try:
        with _bar(len(wanted)) as bar:
            running: dict[Future[tuple[int, float]], Chunk] = {}
            queue = list(reversed(wanted))
            while queue or running:
                while queue and len(running) < 2 * jobs:  # a few ahead, so that an interrupt need not cancel them all
                    chunk = queue.pop()
                    running[pool.submit(_work, chunk)] = chunk
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    chunk = running.pop(done)
                    positions, cpu = done.result()
                    cost.cpu += cpu
                    cost.computed += positions
                    bar.set_postfix_str(f"{cost.computed} positions, {chunk.name}", refresh=False)
                    bar.update()
        pool.shutdown()
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 (a pool can end no worker before Python 3.14)
            process.terminate()  # a worker is in the middle of seconds of work that nobody wants any more
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return cost


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="panel", desc="panels", file=sys.stderr, mininterval=0.5, dynamic_ncols=True)


def _begin() -> None:
    """Once in each worker: one thread each, for there is a worker for each core."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ["GRADLAB_STRICT"] = "1"  # a scenario that breaks must stop the build, not be shown as a panel's error
    from gradlab.runtime import tf_loading

    tf_loading.begin()


def _work(chunk: Chunk) -> tuple[int, float]:
    """Compute one panel and write its file; how many positions it has, and the CPU seconds that it took."""
    before = time.process_time() if _kept else 0.0  # the first panel of a worker pays for loading TensorFlow
    from gradlab.runtime.tf_environment import set_tf_defaults
    from gradlab.site.compute import panel_computed

    set_tf_defaults()
    if not _kept:
        from gradlab.site.kernels import keep

        _kept.append(keep())
        gc.collect()
        gc.freeze()  # TensorFlow's and Keras' half a million objects need not be looked through again and again
    found = panel_computed(chunk.name, chunk.most)
    write(chunk, found)
    return len(found["positions"]), time.process_time() - before
