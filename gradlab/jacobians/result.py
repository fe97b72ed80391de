"""The Jacobian of a recurrent layer, computed piece by piece as it is asked for."""

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from gradlab.jacobians import memory
from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.products import full_numpy, norms_numpy
from gradlab.jacobians.products.backward import last_rows
from gradlab.jacobians.products.forward import JacobianRow, Window, align_all, forward
from gradlab.jacobians.products.local import feedthrough, joint_step
from gradlab.jacobians.products.norms import log10_norms
from gradlab.jacobians.progress import progress_bar
from gradlab.jacobians.recurrence import Bidirectional, LinearRecurrence, Node, recurrences

_ITEM = {"float32": 4, "float64": 8}


class Jacobian:
    """Derivatives of every output of a recurrent layer with respect to every input (or state), exact, per time step.

    B batch, T steps, H outputs per step, S the size of all states side by side, w the size of the source: I inputs, or
    S. Time runs as in the layer's own input and output: with `go_backwards`, output t has read the inputs T-1-t to T-1,
    as Keras returns it. Arrays are NumPy's in the layer's dtype, or TensorFlow's on the device that was named.

    Attributes: wrt ("inputs", "initial_state" or "states"); shape, the shape of `full`; memory_limit, in bytes,
    settable: by default half of the memory that was free; an array over it is refused with MemoryError.
    """

    def __init__(self, nodes: list[Node], kind: str, *, ops: Ops, dtype: str, returns_sequences: bool) -> None:
        self._nodes, self._ops, self._dtype = nodes, ops, dtype
        self._returns_sequences = returns_sequences
        self.wrt = kind
        self._limit: int | None = None
        parts = recurrences(nodes)
        first = parts[0]
        self._batch, self._steps = first.batch, first.steps
        self._sources: list[LinearRecurrence | None] = [None] if kind == "inputs" else list(parts)
        self._width = first.inputs if kind == "inputs" else sum(part.states for part in parts)
        self._outputs = _outputs(nodes[-1])
        time = () if kind == "initial_state" else (self._steps,)
        self.shape: tuple[int, ...] = (self._batch, self._steps, self._outputs, *time, self._width)

    @property
    def memory_limit(self) -> int:
        """Bytes that one array may take; settable."""
        if self._limit is None:
            self._limit = memory.default_limit()
        return self._limit

    @memory_limit.setter
    def memory_limit(self, limit: int) -> None:
        self._limit = int(limit)

    def __repr__(self) -> str:
        size = memory.readable(float(np.prod(self.shape, dtype=float)) * _ITEM[self._dtype])
        return f"Jacobian(wrt={self.wrt!r}, shape={self.shape}, {self._dtype}, full tensor {size})"

    @cached_property
    def full(self) -> Array:
        """(B, T, H, T, w): [b, t, :, s, :] is d h_t / d x_s, zero for s > t. With wrt="states" the source s is the
        state that enters the step reading x_s (so s = 0 is the initial state); with wrt="initial_state" (B, T, H,
        S). MemoryError over memory_limit.

        Cost: T² (products of T steps with up to T columns). For long sequences see norms, last, diagonal and chunks.
        """
        instead = "ask for .norms() (B, T, T), .last, .diagonal or .step, or go through it with .chunks()"
        memory.check("the full Jacobian", self.shape, _ITEM[self._dtype], self._limit, instead)
        single = self._nodes[0]
        if len(self._nodes) == 1 and isinstance(single, LinearRecurrence) and self._ops.name == "numpy":
            done = full_numpy.full(single, self.wrt)
            if done is not None:
                return done[:, :, :, ::-1] if single.reverse else done
        return self._window((0, self._columns))

    @cached_property
    def diagonal(self) -> Array:
        """(B, T, H, w): d h_t / d x_t, the diagonal of `full`. Cost T (T² where a later layer reads time in another
        order).
        """
        if self.wrt == "initial_state":
            raise ValueError("wrt='initial_state' has one source, so there is no diagonal: see .full (B, T, H, S)")
        with self._ops.scope():
            done = self._direct()
        if done is not None:
            return done
        parts = []
        for window, block in self._blocks(None, "diagonal"):
            parts += [block[:, t, :, t - window[0]] for t in range(*window)]
        return self._ops.stack(parts, 1)

    @cached_property
    def step(self) -> Array:
        """(B, T, S, S): d state_t / d state_{t-1}, t in processing order; for an LSTM the state is [h, c]; for stacked
        layers all states side by side, from the input up; where a mask skips a step, the identity. Cost T.
        """
        with self._ops.scope():
            made = joint_step(self._nodes)
        if made is None:
            raise ValueError(
                "these layers run through time in different directions, so no one step takes all their states forward: "
                "ask each direction "
                "alone, e.g. jacobian(layer.forward_layer, ...)"
            )
        return made

    @cached_property
    def last(self) -> Array:
        """(B, T, H, w): d h_T / d x_s, the last row of `full` (B, H, S with wrt="initial_state"), carried backward.
        Cost T.

        For a Bidirectional layer with return_sequences=False it is what that layer returns: both directions after their
        last step.
        """
        with np.errstate(all="ignore"), self._ops.scope():
            return self._last_row()

    def _last_row(self) -> Array:
        rows, entering = last_rows(self._nodes, self._returns_sequences)
        if self.wrt == "inputs":
            return rows
        parts = []
        for part in self._sources:
            assert part is not None
            states = entering.get(id(part))
            if states is None:
                states = self._ops.zeros([self._batch, self._steps, self._outputs, part.states], self._dtype)
            if self.wrt == "initial_state":
                parts.append(states[:, 0])
            else:
                parts.append(self._ops.flip(states, 1) if part.backwards else states)
        return self._ops.concat(parts, len(parts[0].shape) - 1)

    def norms(self, ord: Any = "fro", log: bool = True, progress: bool = True) -> Array:
        """(B, T, T) float64: the norm of every d h_t / d x_s ((B, T) with wrt="initial_state"), log10 by default.

        ord "fro" (Frobenius) or 2 (largest singular value). Right from 1e-300 to 1e+300 and beyond, in float32 too: the
        products are rescaled as they grow or shrink and the logarithm keeps count. Exactly zero (as for s > t) is -inf,
        not finite is nan. The full tensor is never stored. Cost T². log=False gives the norms themselves, 0 or inf
        outside float64's range.
        """
        if ord not in ("fro", 2):
            raise ValueError(f"ord is {ord!r}; expected 'fro' (Frobenius) or 2 (largest singular value)")
        shape = (self._batch, self._steps, self._columns)
        memory.check("the map of norms", shape, 8, self._limit, "take a shorter sequence")
        with np.errstate(all="ignore"), self._ops.scope():  # what is not finite is nan in the result
            result = self._norm_map(ord, progress)
            if self.wrt == "initial_state":
                result = result[:, :, 0]
            return result if log else self._ops.exp(result * float(np.log(10.0)))

    def _norm_map(self, ord: Any, progress: bool) -> Array:
        single = self._nodes[0]
        if (
            ord == "fro"
            and len(self._nodes) == 1
            and isinstance(single, LinearRecurrence)
            and self._ops.name == "numpy"
        ):
            done = norms_numpy.log10_norms(single, self.wrt, progress=progress)
            if done is not None:
                return done[:, :, ::-1] if single.reverse else done
        parts = []
        windows = self._windows(self._step_bytes(), None)
        with progress_bar(len(windows) * self._steps, "norms", progress) as bar:
            for window in windows:
                rows = []
                for row in self._rows(window, scaled=True):
                    norm = log10_norms(row, ord, self._ops)
                    missing = self._window_columns(window) - int(norm.shape[1])
                    rows.append(
                        self._ops.concat([norm, self._ops.zeros([self._batch, missing], "float64") - np.inf], 1)
                    )
                    bar.update(1)
                parts.append(self._ops.stack(rows, 1))
        return self._ops.concat(parts, 2) if len(parts) > 1 else parts[0]

    def chunks(self, columns: int | None = None, *, progress: bool = True) -> Iterator[tuple[slice, Array]]:
        """Go through a `full` too large for memory: pairs (s, block), block (B, T, H, n, w) = full[:, :, :, s], s a
        slice of n source steps.

        columns: source steps per block (default: as many as take an eighth of memory_limit). Shows a progress bar after
        two seconds.
        """
        if self.wrt == "initial_state":
            raise ValueError("wrt='initial_state' has one source: there is nothing to go through, see .full")
        if columns is not None and columns < 1:
            raise ValueError(f"columns is {columns}; expected at least 1")
        for window, block in self._blocks(columns, "chunks", progress):
            yield slice(*window), block

    @property
    def _columns(self) -> int:
        return 1 if self.wrt == "initial_state" else self._steps

    def _window_columns(self, window: Window) -> int:
        return 1 if self.wrt == "initial_state" else window[1] - window[0]

    def _step_bytes(self) -> int:
        """Bytes that one source step needs while rows are computed."""
        states = max(part.states for part in recurrences(self._nodes))
        each = self._batch * max(states, self._outputs) * self._width * _ITEM[self._dtype] * 6
        turned = any(isinstance(node, Bidirectional) for node in self._nodes) or any(
            isinstance(node, LinearRecurrence) and node.reverse for node in self._nodes[1:]
        )
        return (
            each * self._steps if turned else each
        )  # whole columns are kept where a later recurrence reads time the other way

    def _windows(self, bytes_each: int, columns: int | None) -> list[Window]:
        if self.wrt == "initial_state":
            return [(0, 1)]
        n = columns or max(1, min(self._steps, self.memory_limit // 8 // max(bytes_each, 1)))
        return [(s, min(s + n, self._steps)) for s in range(0, self._steps, n)]

    def _rows(self, window: Window, scaled: bool) -> Iterator[JacobianRow]:
        """Rows of the Jacobian, all sources side by side."""
        sweeps = [forward(self._nodes, self.wrt, source, window, scaled) for source in self._sources]
        for rows in zip(*sweeps, strict=True):
            yield rows[0] if len(rows) == 1 else align_all(rows, self._ops)

    def _window(self, window: Window) -> Array:
        with np.errstate(all="ignore"), self._ops.scope():
            return self._block(window)

    def _block(self, window: Window) -> Array:
        n = self._window_columns(window)
        shape = (self._batch, self._steps, self._outputs, n, self._width)
        if self._ops.name == "numpy":
            block = np.zeros(shape, self._dtype)
            with progress_bar(self._steps, "rows", True) as bar:
                for t, row in enumerate(self._rows(window, scaled=False)):
                    block[:, t, :, : row.values.shape[2]] = row.values
                    bar.update(1)
        else:
            from gradlab.jacobians.products.forward import pad

            block = self._ops.stack([pad(row, n, self._ops).values for row in self._rows(window, scaled=False)], 1)
        return block[:, :, :, 0] if self.wrt == "initial_state" else block

    def _blocks(self, columns: int | None, what: str, progress: bool = True) -> Iterator[tuple[Window, Array]]:
        each = self._batch * self._steps * self._outputs * self._width * _ITEM[self._dtype]
        windows = self._windows(max(each, self._step_bytes()), columns)
        with progress_bar(len(windows), what, progress) as bar:
            for window in windows:
                size = (self._batch, self._steps, self._outputs, window[1] - window[0], self._width)
                memory.check("one block", size, _ITEM[self._dtype], self.memory_limit, "ask for fewer columns")
                yield window, self._window(window)
                bar.update(1)

    def _direct(self) -> Array | None:
        node = self._nodes[0]
        if (
            len(self._nodes) == 1
            and isinstance(node, Bidirectional)
            and node.merge == "concat"
            and self.wrt == "inputs"
        ):
            sides = []
            for nodes in (node.forward, node.backward):
                first = nodes[0]
                assert isinstance(first, LinearRecurrence)
                if first.reverse is not (nodes is node.backward):
                    return None
                forwards = copy.copy(first)
                forwards.reverse = False  # in processing order the input of a step is its own
                side = feedthrough([forwards, *nodes[1:]], self.wrt)
                if side is None:
                    return None
                sides.append(self._ops.flip(side, 1) if first.reverse else side)
            return self._ops.concat(sides, 2)
        if (
            self.wrt == "states"
            and len(self._nodes) == 1
            and isinstance(node, LinearRecurrence)
            and not node.reverse
            and node.masked is None
        ):
            return node.C
        return feedthrough(self._nodes, self.wrt)


def _outputs(node: Node) -> int:
    if isinstance(node, LinearRecurrence):
        return node.outputs
    return _outputs(node.forward[-1]) * 1 + (_outputs(node.backward[-1]) if node.merge == "concat" else 0)
