"""TensorFlow's prepared ops, kept over `tf.random.set_seed` in the processes that compute a site.

- `keep`: from now on, for this process.

`tf.random.set_seed` throws away every op that TensorFlow has prepared, because an op that draws random numbers keeps its
state in there. Preparing an op costs ten times as much as running it, and a panel sets the seed four times for each position.
Here they are thrown away only when an op that keeps such a state is about to run, and not even then where its result is
known: the first draw after `set_seed` with the same seeds and shape gives the same numbers. So every number is that of a
process without this; `tests/test_site_kernels.py` holds one against the other.

Private in TensorFlow: the context's `_set_global_seed` and `_context_handle`, and the modules of generated ops. Where they
are not as expected, nothing is changed, and a build only takes longer. Not seen: a stateful `tf.raw_ops` random op.
"""

from __future__ import annotations

import functools
import inspect
from types import ModuleType
from typing import Any

from gradlab.runtime import tf_loading

# The ops whose results are remembered: those that set-ups draw with. Any other with seeds is run.
REMEMBERED = ("random_standard_normal", "random_uniform", "random_uniform_int", "truncated_normal")
MOST = 2_000  # results that are remembered: a set-up draws a few small arrays, so this is some megabytes

Draw = tuple[tuple[Any, ...], dict[str, Any]]  # the arguments of one call


class Kept:
    """What is known of the random ops of this process since the seed was set last."""

    def __init__(self, context: Any, library: Any) -> None:
        self.context, self._library = context, library
        self.due = False  # the prepared ops have to be thrown away before the next draw
        self.at_once = False  # a graph has drawn: its state is out of sight, so they are thrown away as TensorFlow does
        self.drawn: dict[tuple[Any, ...], list[Draw]] = {}  # op and seeds -> its draws that were answered, not run
        self.results: dict[tuple[Any, ...], Any] = {}

    def seeded(self) -> None:
        """The seed was set."""
        self.due = True
        self.drawn.clear()
        if self.at_once:
            self.clear()

    def clear(self) -> None:
        """Throw the prepared ops away if that is due."""
        if self.due:
            self.due = False
            self._library.TFE_ContextClearCaches(self.context._context_handle)

    def draw(self, name: str, op: Any, args: Any, kwargs: Any, given: dict[str, Any]) -> Any:
        """The result of a random op: remembered, or run in the state in which TensorFlow would run it."""
        import tensorflow as tf

        if not self.context.executing_eagerly():
            self.at_once = True
            self.clear()
            return op(*args, **kwargs)
        which = name, given.get("seed") or 0, given.get("seed2") or 0
        again = self.drawn.get(which)
        key = None
        if again is None and name in REMEMBERED and any(which[1:]):
            key = *which, *(_plain(value) for key, value in given.items() if key not in ("seed", "seed2", "name"))
            # Where ops are recorded it has to run, to be recorded.
            if key in self.results and not self.context.op_callbacks:
                self.drawn[which] = [(args, kwargs)]
                return tf.constant(self.results[key])
        self.clear()
        if again:  # its earlier draws were answered and not run, so its state is behind
            heard, self.context.op_callbacks[:] = list(self.context.op_callbacks), []
            try:
                for before in again:
                    op(*before[0], **before[1])
            finally:
                self.context.op_callbacks[:] = heard
        self.drawn[which] = []
        result = op(*args, **kwargs)
        if key is not None and len(self.results) < MOST:
            self.results[key] = result.numpy()
        return result


def keep() -> Kept | None:
    """Keep prepared ops in this process. None if this TensorFlow is not as expected: then nothing is changed."""
    tf_loading.wait()  # it may be loading in another thread, and a part of it can't be imported meanwhile
    try:
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import context
        from tensorflow.python.ops import gen_candidate_sampling_ops, gen_image_ops, gen_nn_ops, gen_random_ops

        found = context.context()
        found.ensure_initialized()
        kind = type(found)
        source = inspect.getsource(kind._set_global_seed)
    except (ImportError, AttributeError, OSError):
        return None
    clears = "if self._context_handle is not None:\n      pywrap_tfe.TFE_ContextClearCaches(self._context_handle)\n"
    if not source.endswith(clears) or not isinstance(getattr(found, "op_callbacks", None), list):
        return None
    kept = Kept(found, pywrap_tfe)
    for module in (gen_random_ops, gen_candidate_sampling_ops, gen_image_ops, gen_nn_ops):
        _wrap(module, kept)
    kind._set_global_seed = _seeding(kind._set_global_seed, kept)
    return kept


def _seeding(original: Any, kept: Kept) -> Any:
    """`_set_global_seed` as it is, but for what it throws away."""

    @functools.wraps(original)
    def hooked(self: Any, seed: Any) -> None:
        handle, self._context_handle = self._context_handle, None  # without a handle it throws nothing away
        try:
            original(self, seed)
        finally:
            self._context_handle = handle
        kept.seeded()

    return hooked


def _wrap(module: ModuleType, kept: Kept) -> None:
    """Every op of a module that keeps a state for its seeds: they are the ones with `seed` and `seed2`."""
    for name, op in list(vars(module).items()):
        if name.startswith("_") or name.endswith("_eager_fallback") or not inspect.isfunction(op):
            continue
        signature = inspect.signature(op)
        if {"seed", "seed2"} <= set(signature.parameters):
            setattr(module, name, _drawing(name, op, signature, kept))


def _drawing(name: str, op: Any, signature: inspect.Signature, kept: Kept) -> Any:
    @functools.wraps(op)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        return kept.draw(name, op, args, kwargs, signature.bind(*args, **kwargs).arguments)

    return drawn


def _plain(value: Any) -> Any:
    """An argument as a part of a key."""
    value = value.numpy() if hasattr(value, "numpy") else value
    return (str(value.dtype), str(value.tolist())) if hasattr(value, "tolist") else repr(value)
