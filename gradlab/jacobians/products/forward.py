"""Small changes carried forward through linearised recurrences, column by column of the Jacobian.

A row is the part of the Jacobian at one output step: values (B, H, n, w) for the n first source steps of the window, w
inputs each; later source steps are zero and not stored. With scaling on, the true values are values * 2**exponents, one
exponent per batch and source step: products of any length neither underflow nor overflow (multiplying by powers of two
is exact).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradlab.jacobians.backend import ZERO_EXPONENT, Array, Ops
from gradlab.jacobians.recurrence import Bidirectional, LinearRecurrence, Node, recurrences

Window = tuple[int, int]
_CALM = {"float32": 30, "float64": 250}  # magnitudes within 2**±this are left as they are
_POWERS = 2.0 ** np.arange(-1022, 1023, dtype=np.float64)


@dataclass
class JacobianRow:
    """One output step: values (B, H, n, w), exponents (B, n) or None."""

    values: Array
    exponents: Array | None = None


def forward(
    nodes: list[Node], kind: str, holder: LinearRecurrence | None, window: Window, scaled: bool
) -> Iterator[JacobianRow]:
    """Rows t = 0 .. T-1 (in the order of the layer's output) of d output_t / d source_s for s in the window.

    kind "inputs": the source is x_s. "states": the state of `holder` entering the step that reads its input s.
    "initial_state": the state of `holder` before its first step (n = 1).
    """
    rows = _through(nodes, kind, holder, window, scaled, None)
    if rows is None:
        raise ValueError("the source is not part of these recurrences")
    return rows


def _through(
    nodes: list[Node],
    kind: str,
    holder: LinearRecurrence | None,
    window: Window,
    scaled: bool,
    rows: Iterator[JacobianRow] | None,
) -> Iterator[JacobianRow] | None:
    for node in nodes:
        if isinstance(node, Bidirectional):
            if rows is not None or kind == "inputs" or any(part is holder for part in recurrences([node])):
                rows = _pair(node, kind, holder, window, scaled, rows)
        elif rows is not None:
            rows = _carry(node, rows, window, kind, scaled)
        elif kind == "inputs" or node is holder:
            rows = _seed(node, kind, window, scaled)
    return rows


def _width(window: Window, kind: str) -> int:
    return 1 if kind == "initial_state" else window[1] - window[0]


def _seed(node: LinearRecurrence, kind: str, window: Window, scaled: bool) -> Iterator[JacobianRow]:
    """The recurrence in which the source is: one new column at each step of the window."""
    ops, last = node.ops, node.steps
    state, out = (node.B, node.D) if kind == "inputs" else (node.A, node.C)
    turned = node.backwards and kind != "initial_state"
    first, stop = (last - window[1], last - window[0]) if turned else window
    width = node.inputs if kind == "inputs" else node.states
    carried = _State(node, scaled, width, front=turned)
    if kind == "initial_state":
        first = stop = -1
        carried.append(ops.stack([ops.eye(node.states, node.dtype)] * node.batch, 0))
    for t in range(last):
        carried.step(t, None)
        if first <= t < stop:
            carried.append(state[:, t], out[:, t])
        row = carried.row(t)
        if turned:  # columns count back from the end of the window
            row = pad(row, window[1] - window[0], ops, front=True)
        yield row


def _carry(
    node: LinearRecurrence, rows: Iterator[JacobianRow], window: Window, kind: str, scaled: bool
) -> Iterator[JacobianRow]:
    """A recurrence that reads what the one below puts out."""
    if node.reverse:
        whole = [pad(row, _width(window, kind), node.ops) for row in rows]
        rows = iter(whole[::-1])
    carried: _State | None = None
    for t, below in enumerate(rows):
        carried = carried or _State(node, scaled, int(below.values.shape[3]))
        carried.step(t, below)
        yield carried.row(t)


def _pair(
    node: Bidirectional,
    kind: str,
    holder: LinearRecurrence | None,
    window: Window,
    scaled: bool,
    rows: Iterator[JacobianRow] | None,
) -> Iterator[JacobianRow]:
    below = None if rows is None else list(rows)
    sides = []
    for nodes in (node.forward, node.backward):
        side = _through(nodes, kind, holder, window, scaled, None if below is None else iter(below))
        sides.append(
            None if side is None else [pad(row, _width(window, kind), recurrences([node])[0].ops) for row in side]
        )
    forward, backward = sides
    if backward is not None:
        backward = backward[::-1]
    for t in range(recurrences([node])[0].steps):
        yield _merge(node, t, None if forward is None else forward[t], None if backward is None else backward[t])


def _merge(node: Bidirectional, t: int, f: JacobianRow | None, b: JacobianRow | None) -> JacobianRow:
    ops = recurrences([node])[0].ops
    if f is None or b is None:  # a state of one direction moves that direction's outputs only
        some = f if f is not None else b
        assert some is not None
        other = node.backward_out if b is None else node.forward_out
        shape = [int(some.values.shape[0]), int(other.shape[2]), *(int(n) for n in some.values.shape[2:])]
        none = JacobianRow(
            ops.zeros(shape, recurrences([node])[0].dtype),
            None if some.exponents is None else some.exponents * 0 + ZERO_EXPONENT,
        )
        f, b = (some, none) if b is None else (none, some)
    f_values, b_values, exponents = align(f, b, ops)
    if node.merge == "concat":
        return JacobianRow(ops.concat([f_values, b_values], 1), exponents)
    if node.merge == "mul":
        return JacobianRow(
            f_values * node.backward_out[:, t, :, None, None] + b_values * node.forward_out[:, t, :, None, None],
            exponents,
        )
    total = f_values + b_values
    return JacobianRow(total / 2 if node.merge == "ave" else total, exponents)


def align(f: JacobianRow, b: JacobianRow, ops: Ops) -> tuple[Array, Array, Array | None]:
    """Values of two rows on one common exponent."""
    if f.exponents is None or b.exponents is None:
        return f.values, b.values, None
    common = ops.maximum(f.exponents, b.exponents)
    return (
        f.values * _power(f.exponents - common, f.values, ops)[:, None, :, None],
        b.values * _power(b.exponents - common, b.values, ops)[:, None, :, None],
        common,
    )


def pad(row: JacobianRow, n: int, ops: Ops, front: bool = False) -> JacobianRow:
    """The row with zero columns up to n, after its own ones (or before them)."""
    missing = n - int(row.values.shape[2])
    if missing == 0:
        return row
    batch, height, _, width = (int(k) for k in row.values.shape)
    zeros = ops.zeros([batch, height, missing, width], _dtype(row.values))
    values = ops.concat([zeros, row.values] if front else [row.values, zeros], 2)
    if row.exponents is None:
        return JacobianRow(values)
    empty = ops.zeros([batch, missing], "int32") + ZERO_EXPONENT
    return JacobianRow(values, ops.concat([empty, row.exponents] if front else [row.exponents, empty], 1))


def _dtype(x: Array) -> str:
    return str(getattr(x.dtype, "name", x.dtype))


def _power(exponents: Array, like: Array, ops: Ops) -> Array:
    """2**exponents for exponents <= 0, in the values' dtype: what is below the dtype's range is zero."""
    floor = -126 if _dtype(like) == "float32" else -1022
    table = ops.asarray(_POWERS, "float64")
    power = ops.cast(ops.take(table, ops.maximum(exponents, exponents * 0 + floor) + 1022), _dtype(like))
    return ops.where(exponents < floor, power * 0, power)


class _State:
    """The change of one recurrence's state per source column, and the last output row."""

    def __init__(self, node: LinearRecurrence, scaled: bool, width: int, front: bool = False) -> None:
        ops, self.node, self.scaled, self.width = node.ops, node, scaled, width
        self.front = front  # new columns come before the old ones: time runs backwards
        self.values = ops.zeros([node.batch, node.states, 0, width], node.dtype)
        self.exponents = ops.zeros([node.batch, 0], "int32")
        self.output = ops.zeros([node.batch, node.outputs, 0, width], node.dtype)
        self.last: JacobianRow | None = None

    def append(self, state: Array, output: Array | None = None) -> None:
        """A new source column with its effect on the state (B, S, w) and on this step's output (B, H, w)."""
        ops = self.node.ops
        self.values = self._join(self.values, state[:, :, None, :], 2)
        self.exponents = self._join(self.exponents, ops.zeros([self.node.batch, 1], "int32"), 1)
        if output is not None:
            self.output = self._join(self.output, output[:, :, None, :], 2)

    def _join(self, old: Array, new: Array, axis: int) -> Array:
        return self.node.ops.concat([new, old] if self.front else [old, new], axis)

    def step(self, t: int, below: JacobianRow | None) -> None:
        """One step of the recurrence, driven by the row below (or by nothing)."""
        node = self.node
        if self.scaled:
            self._rescale()
        before = self._flat(self.values)
        after = node.advance(t, before) if int(before.shape[2]) else before
        if node.out is None:
            empty = node.ops.zeros([node.batch, node.outputs, 0], node.dtype)
            self.output = self._grouped(node.C[:, t] @ before if int(before.shape[2]) else empty)
        self.values = self._grouped(after)
        if below is not None:
            self._drive(t, below)
        if node.out is not None:
            self.output = self.values[:, node.out]

    def _drive(self, t: int, below: JacobianRow) -> None:
        node, ops, n = self.node, self.node.ops, int(below.values.shape[2])
        mine = pad(JacobianRow(self.values, self.exponents if self.scaled else None), n, ops)
        outs = (
            pad(JacobianRow(self.output, self.exponents if self.scaled else None), n, ops) if node.out is None else None
        )
        flat = self._flat(below.values)
        driven = self._grouped(node.B[:, t] @ flat)
        self.values, driven, exponents = align(mine, JacobianRow(driven, below.exponents), ops)
        if outs is not None:
            through = self._grouped(node.D[:, t] @ flat)
            out, through, _ = align(outs, JacobianRow(through, below.exponents), ops)
            self.output = out + through
        self.values = self.values + driven
        self.exponents = exponents if exponents is not None else ops.zeros([node.batch, n], "int32")

    def _rescale(self) -> None:
        """Bring columns that left the calm range back to one, by powers of two."""
        ops, calm = self.node.ops, _CALM[self.node.dtype]
        if int(self.values.shape[2]) == 0:
            return
        size = ops.amax(ops.absolute(self.values), (1, 3))
        wild = (size > 2.0**calm) | ((size < 2.0**-calm) & (size > 0))
        wild = wild & ops.isfinite(size)
        if ops.name == "numpy" and not wild.any():
            return
        safe = ops.where(wild, size, size * 0 + 1)
        shift = ops.cast(ops.floor(ops.log(ops.cast(safe, "float64")) / float(np.log(2))), "int32")
        table = ops.asarray(_POWERS, "float64")
        # two halves: 2**-shift itself may be out of the dtype's range when the values are at its edge
        half = shift // 2
        for part in (half, shift - half):
            factor = ops.cast(ops.take(table, 1022 - part), self.node.dtype)
            self.values = self.values * factor[:, None, :, None]
        self.exponents = self.exponents + shift

    def row(self, t: int) -> JacobianRow:
        """This step's output row; where the step was skipped, the row before (or zero)."""
        node, ops = self.node, self.node.ops
        row = JacobianRow(self.output, self.exponents if self.scaled else None)
        if node.masked is None:
            return row
        n = int(row.values.shape[2])
        before = JacobianRow(row.values * 0, None if row.exponents is None else row.exponents * 0 + ZERO_EXPONENT)
        if self.last is not None and not node.zero_masked:
            before = pad(self.last, n, ops, front=self.front)
        skip = node.masked[:, t]
        values = ops.where(skip[:, None, None, None], before.values, row.values)
        exponents = None if row.exponents is None else ops.where(skip[:, None], before.exponents, row.exponents)
        self.last = JacobianRow(values, exponents)
        return self.last

    def _flat(self, values: Array) -> Array:
        b, s, n, w = (int(k) for k in values.shape)
        return self.node.ops.reshape(values, (b, s, n * w))

    def _grouped(self, values: Array) -> Array:
        b, s, k = (int(n) for n in values.shape)
        return self.node.ops.reshape(values, (b, s, k // self.width, self.width))


def align_all(rows: tuple[JacobianRow, ...], ops: Ops) -> JacobianRow:
    """Rows with different sources for the same outputs, side by side in w on common exponents."""
    n = max(int(row.values.shape[2]) for row in rows)
    padded = [pad(row, n, ops) for row in rows]
    if padded[0].exponents is None:
        return JacobianRow(ops.concat([row.values for row in padded], 3))
    common = padded[0].exponents
    for row in padded[1:]:
        common = ops.maximum(common, row.exponents)
    values = [row.values * _power(row.exponents - common, row.values, ops)[:, None, :, None] for row in padded]
    return JacobianRow(ops.concat(values, 3), common)
