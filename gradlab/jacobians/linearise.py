"""From layers and inputs to linearised recurrences: run each layer on the outputs of the one below, keeping what its
steps do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.cells import closed_form, generic
from gradlab.jacobians.keras_layers import BidirectionalSpec, MaskingSpec, RecurrentSpec, Spec, is_legacy, label
from gradlab.jacobians.recurrence import Bidirectional, LinearRecurrence, Node


def linearise(
    specs: list[Spec], x: Array, initial_state: Any, mask: Array | None, of: str, ops: Ops, dtype: str, single: bool
) -> list[Node]:
    """One node per recurrence, from the input up, for x (B, T, I) and mask (B, T), true where a step counts."""
    layers = [spec for spec in specs if not isinstance(spec, MaskingSpec)]
    given = _per_layer(layers, initial_state, single)
    nodes: list[Node] = []
    for spec in specs:
        if isinstance(spec, MaskingSpec):
            mask = _differs(x, spec.layer.mask_value, ops)
            continue
        last = spec is layers[-1]
        states = given.pop(0)
        if isinstance(spec, RecurrentSpec):
            more, x = _recurrent(spec, x, states, mask, of if last else "h", ops, dtype)
            nodes += more
        else:
            pair, x = _bidirectional(spec, x, states, mask, of if last else "h", ops, dtype)
            nodes.append(pair)
    return nodes


def _per_layer(layers: Sequence[Spec], initial_state: Any, single: bool) -> list[Any]:
    if initial_state is None:
        return [None] * len(layers)
    if single:
        return [initial_state]
    if not isinstance(initial_state, (list, tuple)) or len(initial_state) != len(layers):
        raise ValueError(
            f"initial_state for a stack of {len(layers)} recurrent layers must be a list with one entry per layer "
            f"(None for zeros)"
        )
    return list(initial_state)


def _differs(x: Array, value: float, ops: Ops) -> Array:
    return ops.amax(ops.where(x != value, x * 0 + 1, x * 0), (2,)) > 0


def _recurrent(
    spec: RecurrentSpec, x: Array, states: Any, mask: Array | None, of: str, ops: Ops, dtype: str
) -> tuple[list[LinearRecurrence], Array]:
    layer = spec.layer
    reverse = bool(layer.go_backwards)
    masked = None if mask is None else ~mask
    if reverse:
        x = ops.flip(x, 1)
        masked = None if masked is None else ops.flip(masked, 1)
    flat = _initial(spec, states, int(x.shape[0]), ops, dtype)
    linears: list[LinearRecurrence] = []
    for k, part in enumerate(spec.cells):
        mine = [flat.pop(0) for _ in generic.state_sizes(part.cell)]
        if part.kind == "generic":
            traced = generic.trace(part.cell, x, mine, masked, ops, dtype)
        else:
            _check_width(part.cell, x, layer)
            traced = closed_form.trace(part.cell, part.kind, x, mine, masked, ops, dtype)
        traced.linear.reverse, traced.linear.backwards = reverse and k == 0, reverse
        linears.append(traced.linear)
        x = traced.outputs
    top = linears[-1]
    if of == "c":
        _output_is_second_state(top, spec)
    elif masked is not None:
        top.masked, top.zero_masked = masked, bool(getattr(layer, "zero_output_for_mask", False))
        x = _held(x, masked, top.zero_masked, ops)
    return linears, x


def _bidirectional(
    spec: BidirectionalSpec, x: Array, states: Any, mask: Array | None, of: str, ops: Ops, dtype: str
) -> tuple[Bidirectional, Array]:
    if of == "c" and spec.merge != "concat":
        raise ValueError(
            f"of='c' through merge_mode={spec.merge!r}: Keras merges outputs only; use merge_mode='concat', or one "
            f"direction"
        )
    half = None if states is None else len(states) // 2
    forward, y = _recurrent(spec.forward, x, None if half is None else states[:half], mask, of, ops, dtype)
    backward, z = _recurrent(spec.backward, x, None if half is None else states[half:], mask, of, ops, dtype)
    z = ops.flip(z, 1)
    merged = {"concat": lambda: ops.concat([y, z], 2), "mul": lambda: y * z, "ave": lambda: (y + z) / 2}.get(
        spec.merge, lambda: y + z
    )()
    return Bidirectional(list(forward), list(backward), spec.merge, ops.cast(y, dtype), ops.cast(z, dtype)), merged


def _initial(spec: RecurrentSpec, states: Any, batch: int, ops: Ops, dtype: str) -> list[Array]:
    layer = spec.layer
    sizes = [n for part in spec.cells for n in generic.state_sizes(part.cell)]
    if states is None:
        if not any(_starts_its_own_way(part.cell) for part in spec.cells if part.kind == "generic"):
            return [ops.zeros([batch, n], dtype) for n in sizes]
        import tensorflow as tf

        if is_legacy(layer):
            made = layer.get_initial_state(tf.zeros([batch, 1, 1], dtype))
        else:
            made = layer.get_initial_state(batch_size=batch)
        states = made
    flat = _flatten(states)
    shapes = [tuple(int(n) for n in np.shape(s)) for s in flat]
    if shapes != [(batch, n) for n in sizes]:
        raise ValueError(
            f"{label(layer)}: initial_state has shapes {shapes}; expected {[(batch, n) for n in sizes]} (batch, size), "
            f"one per state"
        )
    return [ops.asarray(s, dtype) for s in flat]


def _starts_its_own_way(cell: Any) -> bool:
    """Whether a cell may start from other states than zeros; Keras's own cells, and cells that do not say, start from
    zeros.
    """
    owner = next((kind for kind in type(cell).__mro__ if "get_initial_state" in vars(kind)), None)
    return "get_initial_state" in vars(cell) or (
        owner is not None and owner.__module__.split(".")[0] not in ("keras", "tf_keras")
    )


def _flatten(states: Any) -> list[Any]:
    if isinstance(states, (list, tuple)):
        return [leaf for part in states for leaf in _flatten(part)]
    return [states.value if hasattr(states, "value") and not callable(states.value) else states]


def _check_width(cell: Any, x: Array, layer: Any) -> None:
    built_for = int(cell.kernel.shape[0])
    if built_for != int(x.shape[2]):
        raise ValueError(f"{label(layer)} was built for inputs with {built_for} features, found {int(x.shape[2])}")


def _output_is_second_state(linear: LinearRecurrence, spec: RecurrentSpec) -> None:
    sizes = generic.state_sizes(spec.cells[-1].cell)
    if len(sizes) < 2:
        raise ValueError(f"of='c': {label(spec.layer)} has one state only, and no cell state; use of='h'")
    linear.out, linear.outputs = slice(sizes[0], sizes[0] + sizes[1]), sizes[1]
    linear.out_state = linear.out_input = None


def _held(outputs: Array, masked: Array, zero: bool, ops: Ops) -> Array:
    """The output sequence as Keras gives it where steps were skipped: the output before, or zero."""
    if zero:
        return ops.where(masked[..., None], outputs * 0, outputs)
    rows, before = [], outputs[:, 0] * 0
    for t in range(int(outputs.shape[1])):
        before = ops.where(masked[:, t, None], before, outputs[:, t])
        rows.append(before)
    return ops.stack(rows, 1)
