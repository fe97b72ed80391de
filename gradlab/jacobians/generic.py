"""Any other cell: one batched Jacobian of the cell itself over all its (batch, step) states, in one traced graph.

Traced once per cell with free batch and time. Nothing is taken on trust: after every run the cell is called once more, eagerly, on all
states at once, and must give what the traced loop gave. A cell that draws random numbers, counts its calls, mixes the samples of a
batch, or was changed since it was traced cannot pass, and is refused (or, in the last case, traced again).
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from gradlab.jacobians.cells import Traced
from gradlab.jacobians.layers import is_legacy, refuse
from gradlab.jacobians.linear import Linear
from gradlab.jacobians.ops import Array, Ops

_SIDE_EFFECTS = ("Assign", "PyFunc", "ResourceScatter", "ResourceGather_", "Queue", "TensorListPushBackBatch", "WriteFile")
_RANDOM = ("RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RngReadAndSkip", "Multinomial", "RandomGamma", "RandomPoisson")
_AGREEMENT = {"float32": 1e-4, "float64": 1e-9}

_traced: "WeakKeyDictionary[Any, dict[Any, _CellGraph]]" = WeakKeyDictionary()


def state_sizes(cell: Any) -> list[int]:
    """The sizes of a cell's states, flat, in Keras's order."""
    import tensorflow as tf

    sizes = tf.nest.flatten(cell.state_size)
    for size in sizes:
        if not isinstance(size, (int, np.integer)):
            refuse(cell, f"state_size {cell.state_size!r}: only flat states (an integer, or integers) are understood")
    return [int(size) for size in sizes]


def trace(cell: Any, x: Array, states: list[Array], masked: Array | None, ops: Ops, dtype: str) -> Traced:
    """Linearise any cell along x (B, T, I) from the given initial states (each (B, n))."""
    import tensorflow as tf

    x = tf.cast(tf.convert_to_tensor(x), dtype)
    start = tf.concat([tf.cast(tf.convert_to_tensor(s), dtype) for s in states], 1)
    skipped = tf.zeros(x.shape[:2], tf.bool) if masked is None else tf.convert_to_tensor(masked)
    key = (int(x.shape[2]), dtype)
    graphs = _traced.setdefault(cell, {}) if _weak(cell) else {}
    for attempt in ("cached", "fresh"):
        if attempt == "fresh" or key not in graphs:
            graphs[key] = _CellGraph(cell, x.shape.as_list(), dtype)
        graph = graphs[key]
        entering, made, jacobians = graph.run(x, start, skipped)
        if graph.agrees(x, entering, made):
            break
    else:
        refuse(
            cell,
            "called twice with the same inputs and states it gave different results (random numbers, a counter, or samples of a batch "
            "that influence each other?), so it has no Jacobian per step",
        )
    return _assemble(graph, entering, made, jacobians, masked, ops, dtype)


def _weak(cell: Any) -> bool:
    try:
        hash(cell)
    except TypeError:
        return False
    return hasattr(cell, "__weakref__")


def _assemble(graph: "_CellGraph", entering: Any, made: Any, jac: Any, masked: Array | None, ops: Ops, dtype: str) -> Traced:
    inputs, size, out = graph.inputs, graph.size, graph.out
    if ops.name == "numpy":
        made, jac = made.numpy(), jac.numpy()
    a, b = jac[:, :, :size, inputs:], jac[:, :, :size, :inputs]
    outputs = made[:, :, out] if out is not None else made[:, :, size:]
    if masked is not None:
        skip = masked[:, :, None, None]
        a, b = ops.where(skip, ops.eye(size, dtype), a), ops.where(skip, b * 0, b)
    linear = Linear(ops, dtype, a, b, int(outputs.shape[2]), out)
    if out is None:
        linear.out_state, linear.out_input = jac[:, :, size:, inputs:], jac[:, :, size:, :inputs]
    return Traced(linear, outputs)


class _CellGraph:
    """One cell traced for one number of inputs: the loop over time, then the Jacobian of all its steps at once."""

    def __init__(self, cell: Any, shape: list[int], dtype: str) -> None:
        import tensorflow as tf

        self._tf, self.cell, self.dtype, self.inputs = tf, cell, dtype, shape[2]
        self.sizes = state_sizes(cell)
        self.size = sum(self.sizes)
        self.out: slice | None = None
        before = _plain_attributes(cell)
        with _without_dropout_masks(cell):
            try:
                self._function = self._trace([None, None, shape[2]])
            except (TypeError, ValueError):  # a cell that needs to know the batch size or the number of steps
                self._function = self._trace(shape)
        changed = [name for name, value in _plain_attributes(cell).items() if before.get(name, value) != value]
        if changed:
            refuse(cell, f"it changes its own attribute {changed[0]!r} when called (a side effect), so its steps are not repeatable")
        self._refuse_side_effects()

    def run(self, x: Any, start: Any, skipped: Any) -> tuple[Any, Any, Any]:
        """States entering each step (B, T, S), results (B, T, R) and their Jacobians (B, T, R, I + S)."""
        return self._function(x, start, skipped)

    def agrees(self, x: Any, entering: Any, made: Any) -> bool:
        """Whether the cell itself, called now on every step's state, gives what the traced loop gave."""
        tf = self._tf
        rows = tf.concat([tf.reshape(x, [-1, self.inputs]), tf.reshape(entering, [-1, self.size])], 1)
        with _without_dropout_masks(self.cell):
            again = self._results(rows)[0].numpy()
        once = made.numpy().reshape(again.shape)
        limit = _AGREEMENT[self.dtype]
        return bool(np.allclose(again, once, rtol=limit, atol=limit, equal_nan=True))

    def _trace(self, shape: list[int | None]) -> Any:
        tf = self._tf
        specs = [tf.TensorSpec(s, d) for s, d in ((shape, self.dtype), ([shape[0], self.size], self.dtype), (shape[:2], tf.bool))]
        function = tf.function(self._all_steps, input_signature=specs, autograph=False)
        self._concrete = function.get_concrete_function()
        return self._concrete

    def _all_steps(self, x: Any, start: Any, skipped: Any) -> tuple[Any, Any, Any]:
        tf = self._tf
        steps, batch = tf.shape(x)[1], tf.shape(x)[0]
        by_time, skip_by_time = tf.transpose(x, [1, 0, 2]), tf.transpose(skipped)[:, :, None]

        def step(t: Any, state: Any, entering: Any, results: Any) -> tuple[Any, ...]:
            row = tf.concat([by_time[t], state], 1)
            made, _ = self._results(row)
            made.set_shape([x.shape[0], made.shape[1]])
            after = tf.where(skip_by_time[t], state, made[:, : self.size])
            return t + 1, tf.ensure_shape(after, start.shape), entering.write(t, state), results.write(t, made)

        arrays = [tf.TensorArray(self.dtype, steps, element_shape=start.shape), tf.TensorArray(self.dtype, steps)]
        _, _, entering, results = tf.while_loop(lambda t, *_: t < steps, step, (tf.constant(0), start, *arrays))
        entering_all = tf.transpose(entering.stack(), [1, 0, 2])
        rows = tf.concat([x, entering_all], 2)
        flat = tf.reshape(rows, [batch * steps, self.inputs + self.size])
        if x.shape[0] is not None and x.shape[1] is not None:
            flat = tf.ensure_shape(flat, [x.shape[0] * x.shape[1], self.inputs + self.size])
        with tf.GradientTape() as tape:
            tape.watch(flat)
            made, self.out = self._results(flat)
        unconnected = tf.UnconnectedGradients.ZERO
        jacobian = tape.batch_jacobian(made, flat, unconnected_gradients=unconnected)
        width = made.shape[1]
        shaped = tf.reshape(jacobian, [batch, steps, width, self.inputs + self.size])
        return entering_all, tf.transpose(results.stack(), [1, 0, 2]), shaped

    def _results(self, rows: Any) -> tuple[Any, slice | None]:
        """The cell on rows [input, states]: [new states, and the output unless it is one of them], and which state it is."""
        tf, cell = self._tf, self.cell
        pieces = tf.split(rows, [self.inputs, *self.sizes], 1)
        states: Any = tf.nest.pack_sequence_as(cell.state_size, pieces[1:]) if self._nested else (pieces[1],)
        if self._nested:
            states = tuple(states)
        elif is_legacy(cell) and getattr(cell, "_is_tf_rnn_cell", False):
            states = states[0]
        accepts = inspect.signature(cell.call).parameters
        extra = {"training": False} if "training" in accepts else {}
        output, new = (cell if callable(cell) else cell.call)(pieces[0], states, **extra)
        flat = tf.nest.flatten(new)
        if [int(s.shape[-1]) for s in flat] != self.sizes:
            refuse(cell, f"it returned states of sizes {[int(s.shape[-1]) for s in flat]}, but its state_size is {cell.state_size!r}")
        offsets = np.cumsum([0, *self.sizes])
        for k, state in enumerate(flat):
            if state is output:
                return tf.concat(flat, 1), slice(int(offsets[k]), int(offsets[k + 1]))
        return tf.concat([*flat, output], 1), None

    @property
    def _nested(self) -> bool:
        return isinstance(self.cell.state_size, (list, tuple))

    def _refuse_side_effects(self) -> None:
        graph = self._concrete.graph.as_graph_def()
        names = [node.op for node in graph.node] + [node.op for f in graph.library.function for node in f.node_def]
        for op in sorted(set(names)):
            if any(part in op for part in _SIDE_EFFECTS):
                refuse(self.cell, f"it has a side effect or leaves TensorFlow (operation {op}), so its steps are not repeatable")
            if any(op.startswith(part) for part in _RANDOM):
                refuse(self.cell, f"it draws random numbers even at inference (operation {op}), so it has no one Jacobian")


@contextmanager
def _without_dropout_masks(cell: Any) -> Iterator[None]:
    """Keep Keras's SimpleRNNCell from drawing dropout masks, which it does even at inference, where nothing uses them."""
    affected = [c for c in (cell, *getattr(cell, "cells", [])) if hasattr(c, "get_dropout_mask") and not is_legacy(c)]
    for each in affected:
        each._dropout_mask = each._recurrent_dropout_mask = 1.0
    try:
        yield
    finally:
        for each in affected:
            each._dropout_mask = each._recurrent_dropout_mask = None
        for each in (cell, *getattr(cell, "cells", [])):
            if is_legacy(each) and hasattr(each, "reset_dropout_mask"):
                each.reset_dropout_mask()
                each.reset_recurrent_dropout_mask()


def _plain_attributes(cell: Any) -> dict[str, Any]:
    """Numbers and lengths on the object: what a cell with a side effect in Python would change."""
    plain = {k: v for k, v in vars(cell).items() if isinstance(v, (int, float, str)) and not k.startswith("_")}
    return plain | {f"len({k})": len(v) for k, v in vars(cell).items() if isinstance(v, list) and not k.startswith("_")}
