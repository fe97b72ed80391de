"""Any other cell: one batched Jacobian of the cell itself over all its (batch, step) states, in one traced graph.

Traced for the first shape as it is, for a graph of known sizes runs a third faster; once more, for every shape, when a
second one comes; and again when the cell was changed (see fingerprint.py). Nothing is taken on trust: after a trace,
and for each new shape, the cell is called once more, eagerly, on all states at once, and must give what the traced loop
gave. A cell that draws random numbers, counts its calls or mixes the samples of a batch cannot pass, and is refused.
"""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.cells.closed_form import Traced
from gradlab.jacobians.cells.fingerprint import fingerprint
from gradlab.jacobians.cells.traced_cell import CellGraph, state_sizes, without_dropout_masks
from gradlab.jacobians.keras_layers import refuse
from gradlab.jacobians.recurrence import LinearRecurrence

__all__ = ["state_sizes", "trace"]

_AGREEMENT = {"float32": 1e-4, "float64": 1e-9}

_KEPT = 8  # graphs per cell and kind of input: a cell that must know its batch size gets one for each shape

_traced: "WeakKeyDictionary[Any, dict[Any, list[CellGraph]]]" = WeakKeyDictionary()


def trace(cell: Any, x: Array, states: list[Array], masked: Array | None, ops: Ops, dtype: str) -> Traced:
    """Linearise any cell along x (B, T, I) from the given initial states (each (B, n))."""
    x, states = ops.cast(x, dtype), [ops.cast(s, dtype) for s in states]
    shape = [int(n) for n in x.shape]
    graphs = _traced.setdefault(cell, {}) if _weak(cell) else {}
    key = (shape[2], dtype, masked is None)
    now = fingerprint(cell)
    kept = [graph for graph in graphs.get(key, []) if graph.made_for == now]
    graph = next((graph for graph in kept if graph.fits(shape)), None)
    if graph is None:
        graph = CellGraph(cell, shape, dtype, masked is not None, any_shape=bool(kept))
        graph.made_for = fingerprint(cell)
        graphs[key] = [*kept, graph][-_KEPT:]
    from gradlab.runtime.devices import full_float32  # imports TensorFlow

    with full_float32():
        entering, made, jacobians = graph.run(x, states, masked)
        if tuple(shape) not in graph.checked:
            _check(cell, graph, x, entering, made, masked)
            graph.checked.add(tuple(shape))
    return _assemble(graph, made, jacobians, masked, ops, dtype)


def _weak(cell: Any) -> bool:
    return type(cell).__hash__ is not None and hasattr(cell, "__weakref__")


def _check(cell: Any, graph: CellGraph, x: Any, entering: list[Any], made: Any, masked: Array | None) -> None:
    """Whether the cell, called now on every step's state, gives what the traced steps gave, and these the states that
    followed.
    """
    with without_dropout_masks(cell):
        batch, steps, inputs = (int(n) for n in x.shape)
        rows = [np.asarray(e).reshape(batch * steps, -1) for e in entering]
        again = graph.results(np.asarray(x).reshape(-1, inputs), rows)[0].numpy()
    limit = _AGREEMENT[graph.dtype]
    once = np.asarray(made).reshape(again.shape)
    follow = np.concatenate([np.asarray(e) for e in entering], 2)[:, 1:]
    led = np.asarray(made)[:, :-1, : graph.size]
    if masked is not None:
        follow = np.where(np.asarray(masked)[:, :-1, None], led, follow)  # a skipped step is followed by its own state
    if not (_same(again, once, limit) and _same(follow, led, limit)):
        refuse(
            cell,
            "called twice with the same inputs and states it gave different results (random numbers, a counter, or "
            "samples of a batch "
            "that influence each other?), so it has no Jacobian per step",
        )


def _same(a: np.ndarray, b: np.ndarray, limit: float) -> bool:
    return bool(np.allclose(a, b, rtol=limit, atol=limit, equal_nan=True))


def _assemble(graph: CellGraph, made: Any, jac: Any, masked: Array | None, ops: Ops, dtype: str) -> Traced:
    inputs, size, out = graph.inputs, graph.size, graph.out
    if ops.name == "numpy":
        made, jac = made.numpy(), jac.numpy()
    a, b = jac[:, :, :size, inputs:], jac[:, :, :size, :inputs]
    outputs = made[:, :, out] if out is not None else made[:, :, size:]
    if masked is not None:
        skip = masked[:, :, None, None]
        a, b = ops.where(skip, ops.eye(size, dtype), a), ops.where(skip, b * 0, b)
    linear = LinearRecurrence(ops, dtype, a, b, int(outputs.shape[2]), out)
    if out is None:
        linear.out_state, linear.out_input = jac[:, :, size:, inputs:], jac[:, :, size:, :inputs]
    return Traced(linear, outputs)
