"""Run something in a thread of its own, outside of any graph and strategy: above all, make variables there.

Made in `tf.init_scope` while a function is traced they become part of it: a second trace then fails ("singleton
tf.Variables"), and under MirroredStrategy the making is refused. A fresh thread has neither graph nor strategy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def outside(make: Callable[[], T]) -> T:
    """What `make()` returns, run eagerly and outside of any strategy; its exception is raised here."""
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(make())
        except BaseException as error:  # handed to the thread that waits, below
            failed.append(error)

    thread = threading.Thread(target=run, name="gradlab-variables")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
