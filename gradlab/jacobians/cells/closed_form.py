"""SimpleRNN, GRU and LSTM cells in closed form: the trajectory, then the local Jacobians of all steps at once.

The trajectory is computed in float64 whatever the layer's dtype: it costs little, and in a chaotic network it is the
rounding of the *states* that spoils a Jacobian, not the rounding of the products. The equations are those of the Keras
cells (gate order i, f, c, o for LSTM; z, r, h for GRU); the derivatives follow by hand and are checked against
automatic differentiation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.cells import trajectory
from gradlab.jacobians.cells.activations import SIGMOID, Activation, closed_form
from gradlab.jacobians.recurrence import LinearRecurrence, LstmLinear

EXACT = "float64"


@dataclass
class Traced:
    """What a cell hands on: its linearisation, and its output sequence (B, T, H) in processing order, float64."""

    linear: LinearRecurrence
    outputs: Array


@dataclass
class _Weights:
    """A cell's weights and activations, ready for closed forms. `rows`, one (H, H + I) per gate in the layer's dtype, are
    [recurrent kernel, kernel] transposed: how a gate moves with the state and with the input, side by side.
    """

    ops: Ops
    dtype: str
    units: int
    kernel: Array
    recurrent: Array
    bias: Array
    rows: list[Array]
    act: Activation
    gate: Activation


def has_closed_form(cell: Any, kind: str) -> bool:
    """Whether this stock cell is covered: each activation it really uses must have a checked closed form."""
    used = [cell.activation] + ([cell.recurrent_activation] if kind != "simple" else [])
    return all(closed_form(function) is not None for function in used)


def trace(cell: Any, kind: str, x: Array, states: list[Array], masked: Array | None, ops: Ops, dtype: str) -> Traced:
    """Linearise a stock cell ("simple", "gru" or "lstm") along x (B, T, I), from the given initial states."""
    weights = _read(cell, {"simple": 1, "gru": 3, "lstm": 4}[kind], ops, dtype)
    x, states = ops.cast(x, EXACT), [ops.cast(s, EXACT) for s in states]
    run: Callable[..., Traced] = {"simple": _simple, "gru": _gru, "lstm": _lstm}[kind]
    with np.errstate(all="ignore"):  # a saturated gate: exp overflows and the gate is exactly 0
        return run(cell, weights, x, states, masked)


def _read(cell: Any, gates: int, ops: Ops, dtype: str) -> _Weights:
    kernel, recurrent = ops.weights(cell.kernel), ops.weights(cell.recurrent_kernel)
    units = int(recurrent.shape[0])
    bias = ops.zeros([gates * units], EXACT) if cell.bias is None else ops.asarray(ops.weights(cell.bias), EXACT)
    rows = ops.transpose(ops.asarray(ops.concat([recurrent, kernel], 0), dtype))
    act = closed_form(cell.activation)
    gate = closed_form(getattr(cell, "recurrent_activation", None))
    if act is None or gate is None:
        raise ValueError(f"{type(cell).__name__}: no closed form for its activation")
    return _Weights(
        ops,
        dtype,
        units,
        ops.asarray(kernel, EXACT),
        ops.asarray(recurrent, EXACT),
        bias,
        [rows[g * units : (g + 1) * units] for g in range(gates)],
        act,
        gate,
    )


def _mix(w: _Weights, *rows: tuple[list[Array], list[Array]]) -> Array:
    """sum_g diag(coefficients_g) matrices_g for all steps, from (B, T, H) and (H, J), for each pair given one block of H
    rows below the other: (B, T, H * pairs, J).
    """
    ops = w.ops
    if ops.name == "numpy":
        return _mix_in_place(w, rows)
    blocks = []
    for coefficients, matrices in rows:
        total = None
        for k, matrix in zip(coefficients, matrices, strict=True):
            term = ops.cast(k, w.dtype)[..., None] * matrix
            total = term if total is None else total + term
        blocks.append(total)
    return blocks[0] if len(blocks) == 1 else ops.concat(blocks, 2)


def _mix_in_place(w: _Weights, rows: tuple[tuple[list[Array], list[Array]], ...]) -> Array:
    """For each unit a small product (steps x g) (g x J), written where it belongs: one pass over the result, where a sum
    of terms and a concatenation take many.
    """
    (batch, steps, units), width = rows[0][0][0].shape, rows[0][1][0].shape[1]
    made = np.empty((batch, steps, units * len(rows), width), w.dtype)
    by_unit = made.reshape(batch * steps, units * len(rows), width).transpose(1, 0, 2)
    for r, (coefficients, matrices) in enumerate(rows):
        block = by_unit[r * units : (r + 1) * units]
        if len(coefficients) == 1:
            k = coefficients[0].reshape(-1, units).astype(w.dtype)
            np.multiply(k.T[..., None], matrices[0][:, None, :], out=block)
            continue
        k = np.stack([c.reshape(-1, units) for c in coefficients], 2).astype(w.dtype)
        np.matmul(k.transpose(1, 0, 2), np.stack(matrices, 1), out=block)
    return made


def _select_state(masked: Array | None, t: int, new: Array, old: Array, ops: Ops) -> Array:
    return new if masked is None else ops.where(masked[:, t, None], old, new)


def _zero_skipped(masked: Array | None, ops: Ops, *coefficients: Array) -> list[Array]:
    """The coefficients, zero where the step was skipped."""
    if masked is None:
        return list(coefficients)
    return [ops.where(masked[..., None], k * 0, k) for k in coefficients]


def _skip_diagonal(masked: Array | None, ops: Ops, like: Array, dtype: str) -> Array | None:
    """What the diagonal of A gains where the step was skipped: one, so that the state stays."""
    return None if masked is None else ops.cast(ops.where(masked[..., None], like * 0 + 1, like * 0), dtype)


def _add_diagonal(w: _Weights, matrices: Array, diagonal: Array | None) -> Array:
    if diagonal is None:
        return matrices
    if w.ops.name == "numpy":
        view = np.einsum("...ii->...i", matrices)
        view += diagonal
        return matrices
    return matrices + diagonal[..., None] * w.ops.eye(w.units, w.dtype)


def _plain(ops: Ops, masked: Array | None) -> bool:
    """Whether the trajectory is one that walk.py can take."""
    return ops.name == "numpy" and masked is None


def _dense(w: _Weights, a: Array, b: Array, diagonal: Array | None) -> LinearRecurrence:
    return LinearRecurrence(w.ops, w.dtype, _add_diagonal(w, a, diagonal), b, w.units, slice(0, w.units))


def _simple(_cell: Any, w: _Weights, x: Array, states: list[Array], masked: Array | None) -> Traced:
    ops, h = w.ops, states[0]
    driven = x @ w.kernel + w.bias
    if _plain(ops, masked):
        z, h_all = trajectory.simple(w.act, driven, w.recurrent, h)
    else:
        pre, post = [], []
        for t in range(int(x.shape[1])):
            z = driven[:, t] + h @ w.recurrent
            h = _select_state(masked, t, w.act.value(ops, z), h, ops)
            pre.append(z)
            post.append(h)
        z, h_all = ops.over_time(pre), ops.over_time(post)
    # recomputed, not h_all: where a step was skipped the two differ, and the slope is dropped there anyway
    (slope,) = _zero_skipped(masked, ops, w.act.slope(ops, z, w.act.value(ops, z) if masked is not None else h_all))
    both = _mix(w, ([slope], w.rows))
    return Traced(
        _dense(w, both[..., : w.units], both[..., w.units :], _skip_diagonal(masked, ops, slope, w.dtype)), h_all
    )


def _lstm(_cell: Any, w: _Weights, x: Array, states: list[Array], masked: Array | None) -> Traced:
    ops, n = w.ops, w.units
    h, c = states
    driven = x @ w.kernel + w.bias
    if _plain(ops, masked):
        z, gates, c_all, tc, h_all = trajectory.lstm(w.act, w.gate, driven, w.recurrent, h, c)
        c_prev = np.concatenate([c[:, None], c_all[:, :-1]], 1)
        i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
    else:
        pre, entering, cells, post = [], [], [], []
        for t in range(int(x.shape[1])):
            z = driven[:, t] + h @ w.recurrent
            entering.append(c)
            if w.gate is SIGMOID:  # one pass over all gates instead of three
                gates = w.gate.value(ops, z)
                i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 3 * n :]
            else:
                i, f, o = (w.gate.value(ops, z[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
            new_c = f * c + i * w.act.value(ops, z[:, 2 * n : 3 * n])
            h = _select_state(masked, t, o * w.act.value(ops, new_c), h, ops)
            c = _select_state(masked, t, new_c, c, ops)
            pre.append(z)
            cells.append(new_c)
            post.append(h)
        z, c_prev, c_all = ops.over_time(pre), ops.over_time(entering), ops.over_time(cells)
        h_all = ops.over_time(post)
        i, f, o = (w.gate.value(ops, z[..., k * n : (k + 1) * n]) for k in (0, 1, 3))
        g, tc = w.act.value(ops, z[..., 2 * n : 3 * n]), w.act.value(ops, c_all)
    zi, zf, zg, zo = (z[..., k * n : (k + 1) * n] for k in range(4))
    ki, kf = g * w.gate.slope(ops, zi, i), c_prev * w.gate.slope(ops, zf, f)
    kg, ko = i * w.act.slope(ops, zg, g), tc * w.gate.slope(ops, zo, o)
    ki, kf, kg, ko, out = _zero_skipped(masked, ops, ki, kf, kg, ko, o * w.act.slope(ops, c_all, tc))
    hold = _skip_diagonal(masked, ops, f, w.dtype)
    forget = ops.cast(f if masked is None else ops.where(masked[..., None], f * 0 + 1, f), w.dtype)
    carry = ops.cast(out, w.dtype)
    on_i, on_f, on_g, on_o = w.rows
    both = _mix(w, ([ko], [on_o]), ([ki, kf, kg], [on_i, on_f, on_g]))
    halves, drive = both[..., :n], both[..., n:]
    if ops.name == "numpy":
        _add_diagonal(w, halves[:, :, :n], hold)
        drive[:, :, :n] += carry[..., None] * drive[:, :, n:]
    else:
        halves = ops.concat([_add_diagonal(w, halves[:, :, :n], hold), halves[:, :, n:]], 2)
        drive = ops.concat([drive[:, :, :n] + carry[..., None] * drive[:, :, n:], drive[:, :, n:]], 2)
    linear = LstmLinear(ops, w.dtype, None, drive, n, slice(0, n), halves=halves, forget=forget, carry=carry)
    return Traced(linear, h_all)


def _gru(cell: Any, w: _Weights, x: Array, states: list[Array], masked: Array | None) -> Traced:
    ops, n, h = w.ops, w.units, states[0]
    after = bool(cell.reset_after)
    split_bias = after and cell.bias is not None  # (2, 3H): one for the inputs, one for the recurrence
    input_bias = w.bias[0] if split_bias else w.bias
    inner_bias = w.bias[1] if split_bias else w.bias * 0
    # the recurrent bias of the gates is simply added; only the candidate's is multiplied by the reset gate
    added = ops.concat([inner_bias[: 2 * n], inner_bias[2 * n :] * 0], 0)
    driven = x @ w.kernel + (input_bias + added)
    candidate_u, candidate_bias = w.recurrent[:, 2 * n :], inner_bias[2 * n :]
    if _plain(ops, masked):
        pre_all, gate, inner, hh, h_all = trajectory.gru(w.act, w.gate, driven, w.recurrent, candidate_bias, h, after)
        h_prev = np.concatenate([h[:, None], h_all[:, :-1]], 1)
        zr, pre = pre_all[..., : 2 * n], pre_all[..., 2 * n :]
    else:
        entering, pre_gates, gates, inners, candidates, post = [], [], [], [], [], []
        for t in range(int(x.shape[1])):
            here, through = driven[:, t], h @ w.recurrent
            zr = here[:, : 2 * n] + through[:, : 2 * n]
            zr_value = w.gate.value(ops, zr)
            z, r = zr_value[:, :n], zr_value[:, n:]
            inner = through[:, 2 * n :] + candidate_bias if after else h  # what the reset gate multiplies
            pre = here[:, 2 * n :] + (r * inner if after else (r * h) @ candidate_u)
            hh = w.act.value(ops, pre)
            entering.append(h)
            h = _select_state(masked, t, hh + z * (h - hh), h, ops)
            pre_gates.append(zr)
            gates.append(zr_value)
            inners.append(inner)
            candidates.append(pre)
            post.append(h)
        h_prev, zr, gate, inner, pre = (ops.over_time(v) for v in (entering, pre_gates, gates, inners, candidates))
        hh, h_all = w.act.value(ops, pre), ops.over_time(post)
    z, r = gate[..., :n], gate[..., n:]
    reset = inner * w.gate.slope(ops, zr[..., n:], r)  # how the reset gate's own input moves r * inner
    kz, kh = (h_prev - hh) * w.gate.slope(ops, zr[..., :n], z), (1 - z) * w.act.slope(ops, pre, hh)
    kz, kh = _zero_skipped(masked, ops, kz, kh)
    keep = ops.cast(z if masked is None else ops.where(masked[..., None], z * 0 + 1, z), w.dtype)
    on_z, on_r, on_h = w.rows
    if after:
        # the reset gate stands between the state and the candidate, not between the input and the candidate
        a = _mix(w, ([kz, kh * r, kh * reset], [on_z[:, :n], on_h[:, :n], on_r[:, :n]]))
        b = _mix(w, ([kz, kh, kh * reset], [on_z[:, n:], on_h[:, n:], on_r[:, n:]]))
    else:
        through = _mix(w, ([kh], [on_h]))  # the candidate sees r * h through the recurrent weights
        by_reset = (through[..., :n] * ops.cast(reset, w.dtype)[:, :, None, :]) @ on_r
        through = ops.concat([through[..., :n] * ops.cast(r, w.dtype)[:, :, None, :], through[..., n:]], 3)
        both = _mix(w, ([kz], [on_z])) + through + by_reset
        a, b = both[..., :n], both[..., n:]
    return Traced(_dense(w, a, b, keep), h_all)
