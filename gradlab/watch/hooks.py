"""Hooks on the optimizers' classes that exist only while a training step is traced, or runs eagerly.

A compiled step is traced once and then runs without Python, so no class need stay patched while a model trains. A hook
acts on the recorders that are tracing at that moment (`listening`) and else calls the original, unchanged.

What is hooked, and what it tells:

- Keras 3: `apply` (gradients as computed), `_all_reduce_sum_gradients` (as applied), `scale_loss` (the loss).
- legacy Keras: `apply_gradients`, `_internal_apply_gradients`, `_transform_gradients` of `optimizers.legacy`,
  `minimize`.

The names with an underscore are private. Where a release lacks one, only the gradients as computed are known.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from gradlab.doctor.recording.alive import kinds_of

_lock = threading.RLock()
_listening: list[Listener] = []
_undo: list[tuple[type, str, Any]] = []
_applying = threading.local()  # optimizers whose `apply` is on the stack of this thread: super().apply counts once


class Listener(Protocol):
    """What the hooks tell a recorder."""

    def computed(self, optimizer: Any, gradients: list[Any], variables: list[Any]) -> None:
        """Gradients reach the optimizer; None for a variable without one."""

    def applied(self, optimizer: Any, gradients: list[Any], variables: list[Any]) -> None:
        """The same after clipping and the sum over replicas."""

    def lost(self, loss: Any) -> None:
        """The loss, before it is scaled."""


@contextmanager
def listening(recorder: Listener) -> Iterator[None]:
    """Hooks in place while the block runs; the last to leave puts every class back as it was."""
    with _lock:
        if not _listening:
            _install()
        _listening.append(recorder)
    try:
        yield
    finally:
        with _lock:
            _listening.remove(recorder)
            while _undo and not _listening:
                owner, attribute, original = _undo.pop()
                setattr(owner, attribute, original)


def installed() -> int:
    """How many class attributes are replaced just now: 0 outside of a traced step."""
    return len(_undo)


def _install() -> None:
    for root, attribute, wrap in _places():
        for kind in kinds_of(root):
            if attribute in vars(kind):
                _undo.append((kind, attribute, vars(kind)[attribute]))
                setattr(kind, attribute, wrap(vars(kind)[attribute]))


def _places() -> Iterator[tuple[type, str, Callable[[Any], Any]]]:
    """The classes of each Keras that is loaded; none is imported for this."""
    keras3 = sys.modules.get("keras.src.optimizers.base_optimizer")
    if keras3 is not None:
        yield keras3.BaseOptimizer, "apply", _apply
        yield keras3.BaseOptimizer, "scale_loss", _scale_loss
        yield keras3.BaseOptimizer, "_all_reduce_sum_gradients", _output
    legacy = sys.modules.get("tf_keras.src.optimizers.optimizer")
    if legacy is not None:
        base = legacy._BaseOptimizer  # noqa: SLF001 (the class that holds these methods; the public one inherits them)
        yield base, "apply_gradients", _apply_gradients
        yield base, "minimize", _minimize
        yield base, "_internal_apply_gradients", _input
    oldest = sys.modules.get("tf_keras.src.optimizers.legacy.optimizer_v2")
    if oldest is not None:
        yield oldest.OptimizerV2, "apply_gradients", _apply_gradients
        yield oldest.OptimizerV2, "minimize", _minimize
        yield oldest.OptimizerV2, "_transform_gradients", _output


def _tell_computed(optimizer: Any, gradients: list[Any], variables: list[Any], call: Callable[[], Any]) -> Any:
    """Tell, unless this is an optimizer inside one that has told already; then call the original."""
    stack = _applying.__dict__.setdefault("stack", [])
    inner = any(optimizer is o or optimizer is getattr(o, "inner_optimizer", None) for o in stack)
    stack.append(optimizer)
    try:
        if not inner and not _inside_wrapper(optimizer):
            for recorder in list(_listening):
                recorder.computed(optimizer, gradients, variables)
        return call()
    finally:
        stack.pop()


_wrapped: dict[int, int] = {}  # id of an inner optimizer -> how many of its wrappers are applying (any thread)


def _inside_wrapper(optimizer: Any) -> bool:
    return _wrapped.get(id(optimizer), 0) > 0


@contextmanager
def _wrapping(optimizer: Any) -> Iterator[None]:
    """Under MirroredStrategy a LossScaleOptimizer calls its inner optimizer from other threads than its own."""
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is None:
        yield
        return
    with _lock:
        _wrapped[id(inner)] = _wrapped.get(id(inner), 0) + 1
    try:
        yield
    finally:
        with _lock:
            _wrapped[id(inner)] -= 1


def _apply(original: Any) -> Any:
    def apply(self: Any, grads: Any, trainable_variables: Any = None, **kwargs: Any) -> Any:
        if not _listening:
            return original(self, grads, trainable_variables, **kwargs)
        grads = list(grads)
        given = None if trainable_variables is None else list(trainable_variables)
        known = list(self._trainable_variables) if given is None else given

        def call() -> Any:
            with _wrapping(self):
                return original(self, grads, given, **kwargs)

        return _tell_computed(self, grads, known, call)

    return apply


def _apply_gradients(original: Any) -> Any:
    def apply_gradients(self: Any, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        if not _listening:
            return original(self, grads_and_vars, *args, **kwargs)
        pairs = list(grads_and_vars)

        def call() -> Any:
            with _wrapping(self):
                return original(self, pairs, *args, **kwargs)

        return _tell_computed(self, [g for g, _ in pairs], [v for _, v in pairs], call)

    return apply_gradients


def _output(original: Any) -> Any:
    def hooked(self: Any, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = list(original(self, grads_and_vars, *args, **kwargs))
        for recorder in list(_listening):
            recorder.applied(self, [g for g, _ in pairs], [v for _, v in pairs])
        return pairs

    return hooked


def _input(original: Any) -> Any:
    def hooked(self: Any, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = list(grads_and_vars)
        for recorder in list(_listening):
            recorder.applied(self, [g for g, _ in pairs], [v for _, v in pairs])
        return original(self, pairs, *args, **kwargs)

    return hooked


def _scale_loss(original: Any) -> Any:
    def scale_loss(self: Any, loss: Any, *args: Any, **kwargs: Any) -> Any:
        for recorder in list(_listening):
            recorder.lost(loss)
        return original(self, loss, *args, **kwargs)

    return scale_loss


def _minimize(original: Any) -> Any:
    def minimize(self: Any, loss: Any, *args: Any, **kwargs: Any) -> Any:
        if not callable(loss):
            for recorder in list(_listening):
                recorder.lost(loss)
        return original(self, loss, *args, **kwargs)

    return minimize
