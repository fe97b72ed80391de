"""A run whose gradient of the loss is not computed: finite differences ask for the loss alone.

- `Heard`: the gradients of one run, as a tape gave them.
- `hearing`: remember them; `answering`: give them again where only the loss of a run from other values is wanted.

A run computes its loss before it asks a tape for the gradient of it, so the loss does not depend on the answer. The way back is
two thirds of a run. `loss_of` makes sure that the question was about the loss that the run returned, and else runs all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import tensorflow as tf

_local = threading.local()
_lock = threading.RLock()
_users = 0
_ours: Any = None


class Heard:
    """The questions that one run asked its tapes eagerly: (target, sources, answer) of each, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any, Any]] = []
        self.known: dict[int, tuple[Any, Any]] = {}  # number of a question about the loss -> its sources and its answer

    def about(self, loss: Any) -> None:
        """The run is over and returned this loss: keep the answers to questions about it, and forget the others."""
        self.known = {i: (keys(s), answer) for i, (target, s, answer) in enumerate(self.asked) if target is loss}
        self.asked = []


@contextmanager
def hearing() -> Iterator[Heard]:
    """Remember what tapes answer in this thread."""
    heard = Heard()

    def ask(plain: Callable[..., Any], target: Any, sources: Any, given: tuple[Any, ...], named: Any) -> Any:
        answer = plain(target, sources, *given, **named)
        heard.asked.append((target, sources, answer))
        return answer

    with _asked_by(ask):
        yield heard


@contextmanager
def answering(heard: Heard) -> Iterator[list[Any]]:
    """Give the answers that were heard to the same questions about the loss in this thread. Yields their targets."""
    targets: list[Any] = []
    number = 0

    def ask(plain: Callable[..., Any], target: Any, sources: Any, given: tuple[Any, ...], named: Any) -> Any:
        nonlocal number
        number += 1
        names, answer = heard.known.get(number - 1, (None, None))
        if names is not None and names == keys(sources):
            targets.append(target)
            return answer
        return plain(target, sources, *given, **named)

    with _asked_by(ask):
        yield targets


def keys(sources: Any) -> Any:
    """What tells whether two questions are about sources of the same form: their names, or how many there are."""
    if isinstance(sources, Mapping):
        return tuple(sources)
    return len(sources) if isinstance(sources, list | tuple) else "one"


def loss_of(run: Callable[[], Any], heard: Heard | None) -> Any:
    """The loss that `run` returns, first of a tuple or as the attribute `loss`, without its gradient where that was heard of."""
    if heard is None or not heard.known:
        return run().loss
    with answering(heard) as targets:
        loss = run().loss
    return loss if all(target is loss for target in targets) else run().loss


@contextmanager
def _asked_by(ask: Callable[..., Any]) -> Iterator[None]:
    """`tf.GradientTape.gradient` of this thread goes through `ask`; that of other threads is as it was."""
    global _users, _ours
    before = getattr(_local, "ask", None)
    with _lock:
        if _users == 0:
            _ours = _hooked(tf.GradientTape.gradient)
            tf.GradientTape.gradient = _ours
        _users += 1
    _local.ask = ask
    try:
        yield
    finally:
        _local.ask = before
        with _lock:
            _users -= 1
            if (
                _users == 0 and tf.GradientTape.gradient is _ours
            ):  # else another tool hooked over it: ours stays, and is silent
                tf.GradientTape.gradient = _ours.__wrapped__


def _hooked(original: Any) -> Any:
    @wraps(original)
    def gradient(self: Any, target: Any, sources: Any, *given: Any, **named: Any) -> Any:
        ask = getattr(_local, "ask", None)
        if ask is None or not tf.executing_eagerly():
            return original(self, target, sources, *given, **named)
        _local.ask = None  # the way back through a py_function asks a tape too, which is not the run's own question
        try:
            return ask(partial(original, self), target, sources, given, named)
        finally:
            _local.ask = ask

    return gradient
