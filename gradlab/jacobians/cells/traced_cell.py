"""A cell traced by TensorFlow: the loop over time, then the Jacobian of all its steps at once."""

import inspect
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradlab.jacobians.cells.fingerprint import plain_attributes
from gradlab.jacobians.keras_layers import is_legacy, refuse

_SIDE_EFFECTS = ("Assign", "PyFunc", "ResourceScatter", "Queue", "WriteFile", "Print")
_RANDOM = (
    "RandomUniform",
    "RandomStandardNormal",
    "TruncatedNormal",
    "RngReadAndSkip",
    "Multinomial",
    "RandomGamma",
    "RandomPoisson",
)


def state_sizes(cell: Any) -> list[int]:
    """The sizes of a cell's states, flat, in Keras's order."""
    sizes = _flat(cell.state_size)
    for size in sizes:
        if not isinstance(size, (int, np.integer)):
            refuse(cell, f"state_size {cell.state_size!r}: only flat states (an integer, or integers) are understood")
    return [int(size) for size in sizes]


def _flat(sizes: Any) -> list[Any]:
    return [leaf for part in sizes for leaf in _flat(part)] if isinstance(sizes, (list, tuple)) else [sizes]


class CellGraph:
    """One cell traced for inputs of a shape (B, T, I), or for any B and T; with or without a mask."""

    def __init__(self, cell: Any, shape: list[int], dtype: str, masked: bool, *, any_shape: bool) -> None:
        import tensorflow as tf

        self._cell = (
            weakref.ref(cell) if hasattr(cell, "__weakref__") else (lambda: cell)
        )  # traces are kept by cell: no cycle
        self._tf, self.dtype, self.inputs, self._masked = tf, dtype, shape[2], masked
        self.sizes = state_sizes(cell)
        self.size = sum(self.sizes)
        self.out: slice | None = None
        self.made_for: tuple[Any, ...] = ()
        self.checked: set[tuple[int, ...]] = set()
        self._static: list[int] | None = None if any_shape else shape
        before = plain_attributes(cell)
        with without_dropout_masks(cell):
            try:
                self._concrete = self._trace(self._static or [None, None, shape[2]])
            except (TypeError, ValueError):
                if self._static is not None:
                    raise
                self._static = shape  # perhaps a cell that needs to know the batch size; if not, the error comes again
                self._concrete = self._trace(shape)
        changed = [name for name, value in plain_attributes(cell).items() if before.get(name, value) != value]
        if changed:
            refuse(
                cell,
                f"it changes its own attribute {changed[0]!r} when called (a side effect), so its steps are not "
                f"repeatable",
            )
        self._refuse_side_effects()

    @property
    def cell(self) -> Any:
        """The cell, which outlives its traces."""
        return self._cell()

    def fits(self, shape: list[int]) -> bool:
        """Whether this trace serves inputs of the shape."""
        return self._static is None or self._static == shape

    def run(self, x: Any, states: list[Any], masked: Any) -> tuple[list[Any], Any, Any]:
        """States entering each step (each (B, T, n)), results (B, T, R), and their Jacobians (B, T, R, I + S)."""
        tf = self._tf
        more = [tf.convert_to_tensor(masked)] if self._masked else []
        *entering, made, jacobian = self._concrete(tf.convert_to_tensor(x), *map(tf.convert_to_tensor, states), *more)
        return entering, made, jacobian

    def results(self, x: Any, states: list[Any]) -> tuple[Any, slice | None]:
        """The cell on rows: [new states, and the output unless it is one of them], and which state it is."""
        tf, cell = self._tf, self.cell
        given: Any = tuple(tf.convert_to_tensor(s) for s in states)
        if isinstance(cell.state_size, (list, tuple)):
            given = tuple(tf.nest.pack_sequence_as(cell.state_size, list(given)))
        elif is_legacy(cell) and getattr(cell, "_is_tf_rnn_cell", False):
            given = given[0]
        extra = {"training": False} if "training" in inspect.signature(cell.call).parameters else {}
        output, new = (cell if callable(cell) else cell.call)(tf.convert_to_tensor(x), given, **extra)
        flat = tf.nest.flatten(new)
        found = [int(s.shape[-1]) if s.shape[-1] is not None else None for s in flat]
        if found != self.sizes:
            refuse(cell, f"it returned states of sizes {found}, but its state_size is {cell.state_size!r}")
        offsets = np.cumsum([0, *self.sizes])
        for k, state in enumerate(flat):
            if state is output:
                return _side_by_side(tf, flat), slice(int(offsets[k]), int(offsets[k + 1]))
        return tf.concat([*flat, output], 1), None

    def _trace(self, shape: list[Any]) -> Any:
        tf = self._tf
        specs = [tf.TensorSpec(shape, self.dtype)] + [tf.TensorSpec([shape[0], n], self.dtype) for n in self.sizes]
        specs += [tf.TensorSpec(shape[:2], tf.bool)] if self._masked else []
        return tf.function(self._all_steps, input_signature=specs, autograph=False).get_concrete_function()

    def _all_steps(self, x: Any, *rest: Any) -> list[Any]:
        tf, count = self._tf, len(self.sizes)
        start = rest[:count]
        batch, steps = (size or tf.shape(x)[axis] for axis, size in enumerate(x.shape[:2]))
        by_time = tf.TensorArray(self.dtype, steps, element_shape=[x.shape[0], self.inputs]).unstack(
            tf.transpose(x, [1, 0, 2])
        )
        skips = tf.TensorArray(tf.bool, steps).unstack(tf.transpose(rest[count])[:, :, None]) if self._masked else None

        def step(t: Any, states: Any, arrays: Any) -> tuple[Any, ...]:
            made, _ = self.results(by_time.read(t), list(states))
            after = tf.split(made[:, : self.size], self.sizes, 1) if count > 1 else [made[:, : self.size]]
            if skips is not None:
                skip = skips.read(t)
                after = [tf.where(skip, old, new) for old, new in zip(states, after, strict=True)]
            after = [tf.ensure_shape(new, old.shape) for new, old in zip(after, start, strict=True)]
            return t + 1, tuple(after), tuple(a.write(t, s) for a, s in zip(arrays, states, strict=True))

        arrays = tuple(tf.TensorArray(self.dtype, steps, element_shape=s.shape) for s in start)
        _, _, written = tf.while_loop(lambda t, *_: t < steps, step, (tf.constant(0), tuple(start), arrays))
        entering = [tf.transpose(a.stack(), [1, 0, 2]) for a in written]
        flat = tf.reshape(tf.concat([x, *entering], 2), [batch * steps, self.inputs + self.size])
        if x.shape[0] is not None and x.shape[1] is not None:
            flat = tf.ensure_shape(flat, [x.shape[0] * x.shape[1], self.inputs + self.size])
        with tf.GradientTape() as tape:
            tape.watch(flat)
            pieces = tf.split(flat, [self.inputs, *self.sizes], 1)
            made, self.out = self.results(pieces[0], pieces[1:])
        jacobian = tape.batch_jacobian(made, flat, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        width = made.shape[1]
        shaped = tf.reshape(jacobian, [batch, steps, width, self.inputs + self.size])
        return [*entering, tf.reshape(made, [batch, steps, width]), shaped]

    def _refuse_side_effects(self) -> None:
        graph = self._concrete.graph.as_graph_def()
        names = {node.op for node in graph.node} | {node.op for f in graph.library.function for node in f.node_def}
        for op in sorted(names):
            if any(part in op for part in _SIDE_EFFECTS):
                refuse(
                    self.cell,
                    f"it has a side effect or leaves TensorFlow (operation {op}), so its steps are not repeatable",
                )
            if any(op.startswith(part) for part in _RANDOM):
                refuse(
                    self.cell, f"it draws random numbers even at inference (operation {op}), so it has no one Jacobian"
                )


def _side_by_side(tf: Any, states: list[Any]) -> Any:
    return states[0] if len(states) == 1 else tf.concat(states, 1)


@contextmanager
def without_dropout_masks(cell: Any) -> Iterator[None]:
    """Keep Keras's SimpleRNNCell from drawing dropout masks, which it does even at inference, for nothing."""
    inside = [cell, *(getattr(cell, "cells", None) or [])]
    affected = [c for c in inside if hasattr(c, "get_dropout_mask") and not is_legacy(c)]
    for each in affected:
        each._dropout_mask = each._recurrent_dropout_mask = 1.0  # noqa: SLF001 (no public switch)
    try:
        yield
    finally:
        for each in affected:
            each._dropout_mask = each._recurrent_dropout_mask = None  # noqa: SLF001
        for each in inside:
            if is_legacy(each) and hasattr(each, "reset_dropout_mask"):
                each.reset_dropout_mask()
                each.reset_recurrent_dropout_mask()
