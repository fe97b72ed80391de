"""What a learner's function used while it ran: layers, variables, kinds of tapes. It changes nothing of the result.

- `watching`: a context in which calls are noted.
- `NAMES`: what an exercise may rule out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

VARIABLE, PERSISTENT, JACOBIAN = "a new variable", "a persistent tape", "a Jacobian of the tape"
NAMES = (VARIABLE, PERSISTENT, JACOBIAN)


@dataclass
class Used:
    """`layers`: the layers that were called. `names`: those of `NAMES` that were used. `answers`: (source, gradient) for
    everything that a tape was asked for. `watched`: the trainable variables that were read, in TensorFlow's own form."""

    layers: list[Any] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    answers: list[tuple[Any, Any]] = field(default_factory=list)
    watched: tuple[Any, ...] = ()

    def called(self, layer: Any) -> bool:
        return any(layer is one for one in self.layers)

    def answered(self, source: Any, gradient: Any) -> bool:
        """Whether a tape gave this gradient (the same object, or None) for this source."""
        return any(source is s and gradient is g for s, g in self.answers)


@contextlib.contextmanager
def watching() -> Iterator[Used]:
    """Note what is used inside. The methods of Keras and TensorFlow that are wrapped are put back at the end."""
    used = Used()
    with contextlib.ExitStack() as stack, tf.GradientTape() as all_reads:
        layer = tf.keras.layers.Layer
        for name in ("__call__", "stateless_call"):  # the second is Keras 3's; it does not go through the first
            if hasattr(layer, name):
                stack.enter_context(_wrapped(layer, name, lambda self, *_, **__: used.layers.append(self)))

        def opened(_: Any, persistent: bool = False, *__: Any, **___: Any) -> None:
            if persistent:
                used.names.add(PERSISTENT)

        stack.enter_context(_wrapped(tf.GradientTape, "__init__", opened))
        for name in ("jacobian", "batch_jacobian"):
            stack.enter_context(_wrapped(tf.GradientTape, name, lambda *_, **__: used.names.add(JACOBIAN)))
        stack.enter_context(_wrapped(tf.GradientTape, "gradient", lambda *_, **__: None, used))

        def creator(make: Callable[..., Any], **settings: Any) -> Any:
            used.names.add(VARIABLE)
            return make(**settings)

        stack.enter_context(tf.variable_creator_scope(creator))
        yield used
        used.watched = tuple(all_reads.watched_variables())


@contextlib.contextmanager
def _wrapped(owner: Any, name: str, note: Callable[..., Any], used: Used | None = None) -> Iterator[None]:
    original, own = getattr(owner, name), name in vars(owner)

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        note(self, *args, **kwargs)
        result = original(self, *args, **kwargs)
        if used is not None:
            asked = kwargs.get("sources", args[1] if len(args) > 1 else None)
            flat, found = tf.nest.flatten(asked), tf.nest.flatten(result)
            used.answers += list(zip(flat, found, strict=False))
        return result

    setattr(owner, name, wrapper)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)
