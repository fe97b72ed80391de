"""One pass of the model with all states collected, and one call of a plain tape for all gradients.

Each recurrent layer's cell is called once a step, in eager mode, and hands on the very tensors that the loss is computed
from. They are only kept, never replaced, so what the model computes is what it computes without us; a tape's gradient
for such a tensor is the whole derivative, over every way from it to the loss: later steps and the output alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.bptt.layers import is_recurrent, is_time_distributed, state_names, walk


@dataclass
class Call:
    """One call of a recurrent layer."""

    inputs: Any  # (B, T, ...)
    mask: Any  # (B, T) or None
    group: Any  # the call of a TimeDistributed around it, or None
    entering: list[Any] = field(default_factory=list)  # the states before the first step
    steps: list[list[Any]] = field(default_factory=list)  # the states after each step, in processing order


@dataclass
class Watched:
    """A recurrent layer and its calls."""

    path: str
    layer: Any
    calls: list[Call] = field(default_factory=list)

    def groups(self) -> list[list[Call]]:
        """Calls that belong together: all those within one call of a TimeDistributed."""
        found: dict[int, list[Call]] = {}
        for call in self.calls:
            found.setdefault(id(call) if call.group is None else id(call.group[0]), []).append(call)
        return list(found.values())


def collect(model: Any, found: list[tuple[str, Any]], compute: Callable[[], Any]) -> tuple[Any, list[Watched]]:
    """What `compute` returns, and each recurrent layer with its calls. Nothing stays hooked."""
    watched = [Watched(path, layer) for path, layer in found]
    groups: list[Any] = []  # TimeDistributed calls that are running, outermost first
    eager = tf.config.functions_run_eagerly()
    with ExitStack() as stack:
        for item in watched:
            stack.enter_context(_plain_loop(item.layer))
            stack.enter_context(_patched(item.layer, "call", _layer_hook(item, groups)))
            stack.enter_context(_patched(item.layer.cell, "call", _cell_hook(item)))
        for _, layer in walk(model):
            if is_time_distributed(layer):
                stack.enter_context(_patched(layer, "call", _group_hook(groups)))
            if not is_recurrent(layer) and callable(getattr(layer, "compute_mask", None)):
                stack.enter_context(_patched(layer, "compute_mask", _aside(watched)))
        tf.config.run_functions_eagerly(True)
        stack.callback(tf.config.run_functions_eagerly, eager)
        value = compute()
    for item in watched:
        _settle(item)
    return value, watched


@contextmanager
def _patched(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """The method replaced on this one object, below Keras' own bookkeeping of attributes."""
    held = vars(owner)
    before = held.get(name)
    held[name] = make(getattr(owner, name))
    try:
        yield
    finally:
        if before is None:
            del held[name]
        else:
            held[name] = before


@contextmanager
def _plain_loop(layer: Any) -> Iterator[None]:
    """Keras' LSTM and GRU have fused forms that never call the cell: the same numbers, by the plain loop."""
    held = vars(layer)
    before = {n: held[n] for n in ("use_cudnn", "_could_use_gpu_kernel") if n in held}
    held.update(dict.fromkeys(before, False))
    try:
        yield
    finally:
        held.update(before)


def _layer_hook(item: Watched, groups: list[Any]) -> Callable[[Any], Any]:
    def make(plain: Any) -> Any:
        @functools.wraps(plain)
        def call(sequences: Any, *args: Any, **keywords: Any) -> Any:
            if not isinstance(sequences, (list, tuple)) and not hasattr(sequences, "numpy"):
                if isinstance(sequences, tf.RaggedTensor):
                    raise ValueError(f"{item.path} reads a ragged tensor; pass .to_tensor() and a mask")
                raise ValueError(
                    f"{item.path} runs inside a graph that cannot be run eagerly (tf.vectorized_map, tf.map_fn or a "
                    "tf.data function): its states have no values there. Call it outside, or under TimeDistributed"
                )
            mask = keywords.get("mask", next((a for a in args if _is_mask(a)), None))
            mask = tf.nest.flatten(mask)[0] if mask is not None else None
            item.calls.append(Call(sequences, mask, groups[0] if groups else None))
            return plain(sequences, *args, **keywords)

        return call

    return make


def _is_mask(thing: Any) -> bool:
    return tf.is_tensor(thing) and thing.dtype == tf.bool


def _cell_hook(item: Watched) -> Callable[[Any], Any]:
    def make(plain: Any) -> Any:
        @functools.wraps(plain)
        def call(inputs: Any, states: Any, *args: Any, **keywords: Any) -> Any:
            output, after = plain(inputs, states, *args, **keywords)
            if item.calls:  # else the cell was called by somebody else
                now = item.calls[-1]
                if not now.steps:
                    now.entering = tf.nest.flatten(states)
                now.steps.append(tf.nest.flatten(after))
            return output, after

        return call

    return make


def _group_hook(groups: list[Any]) -> Callable[[Any], Any]:
    def make(plain: Any) -> Any:
        @functools.wraps(plain)
        def call(inputs: Any, *args: Any, **keywords: Any) -> Any:
            groups.append((object(), int(inputs.shape[1])))
            try:
                return plain(inputs, *args, **keywords)
            finally:
                groups.pop()

        return call

    return make


def _aside(watched: list[Watched]) -> Callable[[Any], Any]:
    """Legacy Keras runs a nested model a second time to learn its mask; those calls lead nowhere and are left out."""

    def make(plain: Any) -> Any:
        @functools.wraps(plain)
        def compute_mask(*args: Any, **keywords: Any) -> Any:
            before = [len(item.calls) for item in watched]
            try:
                return plain(*args, **keywords)
            finally:
                for item, n in zip(watched, before, strict=True):
                    del item.calls[n:]

        return compute_mask

    return make


def _settle(item: Watched) -> None:
    """Leave out what Keras runs only to learn shapes; ValueError where the steps do not add up."""
    for call in item.calls:
        steps = int(call.inputs.shape[1])
        if len(call.steps) == steps + 1:
            del call.steps[0]  # Keras' rnn runs the first step once more, for the shape of its output
        if len(call.steps) != steps:
            raise ValueError(
                f"{item.path} called its cell {len(call.steps)} times for {steps} steps; expected once a step. What it "
                "does around its cell is not known: put what is special into a cell and use RNN(cell)"
            )
        given, named = len(call.steps[0]), len(state_names(item.layer))
        if given != named:
            raise ValueError(f"the cell of {item.path} returned {given} states; its state_size says {named}")
    for calls in item.groups():
        positions = 0 if calls[0].group is None else calls[0].group[1]
        if positions > 0 and len(calls) % positions == 1 and len(calls) > 1:  # legacy TimeDistributed does the same
            item.calls.remove(calls[0])
