"""Log norms from 1e-300 to 1e+300 and beyond, against exact formulas and against products in extended precision."""

import keras
import numpy as np
import pytest

from gradlab.jacobians import jacobian

L = keras.layers


def _linear(gain: float, steps: int, dtype: str, units: int = 3, inputs: int = 2) -> tuple[object, np.ndarray, float]:
    """A linear SimpleRNN, its recurrent kernel gain times an orthogonal matrix: |d h_t / d x_s| = gain^(t-s) |W|."""
    layer = L.SimpleRNN(units, activation=None, return_sequences=True, dtype=dtype)
    x = np.zeros((1, steps, inputs), dtype)  # a linear network has the same Jacobian everywhere
    layer.build(x.shape)
    q, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((units, units)))
    w = np.random.default_rng(2).standard_normal((inputs, units))
    layer.set_weights([w, gain * q, np.zeros(units)])
    return layer, x, float(np.log10(np.linalg.norm(w.astype(dtype))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gain", [0.25, 4.0])
def test_log_norms_are_right_over_six_hundred_orders_of_magnitude(dtype: str, gain: float) -> None:
    steps = 520
    layer, x, start = _linear(gain, steps, dtype)
    found = jacobian(layer, x).norms(progress=False)[0]
    t, s = np.tril_indices(steps)
    expected = start + (t - s) * np.log10(gain)
    assert np.abs(expected).max() > 310
    # 520 products in float32 drift by at most a few 1e-5 in the norm; a digit lost anywhere would be a hundred times
    # that
    assert np.abs(found[t, s] - expected).max() < (1e-4 if dtype == "float32" else 1e-12)
    assert np.isneginf(found[np.triu_indices(steps, 1)]).all()


def test_the_largest_singular_value_too() -> None:
    layer, x, _ = _linear(0.25, 520, "float32")
    w = np.asarray(layer.get_weights()[0])
    found = jacobian(layer, x).norms(2, progress=False)[0]
    t, s = np.tril_indices(520)
    expected = np.log10(np.linalg.svd(w, compute_uv=False)[0]) + (t - s) * np.log10(0.25)
    assert np.abs(found[t, s] - expected).max() < 1e-4


@pytest.mark.parametrize("kind", ["lstm", "gru", "two layers", "bidirectional"])
def test_vanishing_in_float32_against_extended_precision(kind: str) -> None:
    """A network that forgets: float32 alone makes zeros of most of its blocks. The reference multiplies in
    np.longdouble.
    """
    steps = 320 if kind in ("gru", "two layers") else 160
    x = np.random.default_rng(0).standard_normal((1, steps, 3)).astype("float32")
    made = {
        "lstm": lambda: L.LSTM(4, return_sequences=True, unit_forget_bias=False),
        "gru": lambda: L.GRU(4, return_sequences=True),
        "two layers": lambda: keras.Sequential(
            [L.SimpleRNN(4, return_sequences=True), L.GRU(3, return_sequences=True)]
        ),
        "bidirectional": lambda: L.Bidirectional(L.SimpleRNN(4, return_sequences=True)),
    }
    layer = made[kind]()
    layer(x)
    layer.set_weights(
        [
            0.2 * np.random.default_rng(4).standard_normal(w.shape) - (1.0 if w.ndim == 1 else 0)
            for w in layer.get_weights()
        ]
    )
    found = jacobian(layer, x)
    log = found.norms(progress=False)[0]
    if kind == "bidirectional":
        forward, backward = jacobian(layer.forward_layer, x), jacobian(layer.backward_layer, x)
        expected = np.hypot(_products(forward), _products(backward)[::-1, ::-1])
    else:
        expected = _products(found)
    with np.errstate(divide="ignore"):
        expected = np.log10(expected).astype(float)
    assert expected[np.isfinite(expected)].min() < -55  # far below float32, which ends at 1e-45
    known = np.isfinite(expected)
    assert (np.isneginf(log) == ~known).all()
    assert np.abs(log[known] - expected[known]).max() < 2e-4


def _products(found: object) -> np.ndarray:
    """Frobenius norms of the outputs' Jacobian by plain products of the steps, in extended precision."""
    steps = found.step[0].astype(np.longdouble)  # type: ignore[attr-defined]
    outputs = found.shape[2]  # type: ignore[attr-defined]
    node = found._nodes  # type: ignore[attr-defined]
    size = steps.shape[1]
    drive = _drive(node)
    norms = np.zeros((len(steps), len(steps)), np.longdouble)
    rows = slice(0, outputs) if len(node) == 1 else slice(size - outputs, size)
    carried: list[np.ndarray] = []
    for t, a in enumerate(steps):
        carried = [a @ m for m in carried] + [drive[t]]
        norms[t, : t + 1] = [np.sqrt((m[rows] ** 2).sum()) for m in carried]
    return norms


def _drive(nodes: list) -> np.ndarray:
    parts = [nodes[0].B[0].astype(np.longdouble)]
    if len(nodes) == 2:
        parts.append(nodes[1].B[0].astype(np.longdouble) @ nodes[0].D[0].astype(np.longdouble))
    return np.concatenate(parts, 1)


def test_full_underflows_where_the_norms_do_not() -> None:
    layer, x, _ = _linear(0.25, 200, "float32")
    found = jacobian(layer, x)
    assert not found.full[0, -1, :, 0].any()
    assert np.isfinite(found.norms(progress=False)[0, -1, 0])
    assert found.norms(log=False, progress=False)[0, -1, 0] == pytest.approx(
        10 ** found.norms(progress=False)[0, -1, 0]
    )


def test_zero_and_not_finite_are_told_apart() -> None:
    layer = L.SimpleRNN(3, activation="relu", return_sequences=True)
    x = np.ones((2, 4, 2), "float32")
    layer.build(x.shape)
    w = [np.ones((2, 3)), np.eye(3), np.zeros(3)]
    layer.set_weights(w)
    x[0, 1] = -100.0  # dead units: exactly zero from there back
    x[1, 2] = np.nan
    log = jacobian(layer, x).norms()
    assert np.isneginf(log[0, 2, 0]) and np.isfinite(log[0, 0, 0])
    assert np.isnan(log[1, 3, 0]) and np.isneginf(log[1, 0, 3])
    assert np.isnan(jacobian(layer, x).norms(2)[1, 3, 0])


def test_norms_in_windows_are_the_same() -> None:
    layer, x, _ = _linear(0.25, 60, "float32", units=8)
    found = jacobian([L.Masking(5.0), layer], x)  # a mask, if only in name: the general way
    alone = jacobian(layer, x)
    found.memory_limit = 60_000
    assert len(found._windows(found._step_bytes(), None)) > 1
    assert np.allclose(found.norms(), alone.norms(), rtol=1e-5)  # another width of products rounds otherwise


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("wrt", ["inputs", "states"])
def test_one_layer_in_parts_on_two_threads_and_backwards(kind: str, wrt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = getattr(L, kind)(6, return_sequences=True, go_backwards=True, dtype="float64")
    x = np.random.default_rng(3).standard_normal((2, 23, 4))
    layer(x)
    found = jacobian(layer, x, wrt=wrt)
    expected = np.linalg.norm(found.full, axis=(2, 4))
    monkeypatch.setattr("gradlab.jacobians.products.full_numpy._COLUMNS", 20)
    monkeypatch.setattr("gradlab.jacobians.products.full_numpy._SMALL", 0.0)
    log = found.norms(progress=False)
    assert (np.isneginf(log) == (expected == 0)).all()
    assert np.abs(10**log - expected).max() < 1e-12 * expected.max()


def test_an_output_far_smaller_than_the_cell_state_keeps_its_digits() -> None:
    """An output gate that is all but closed: in float32 the squares of the output's changes underflow, while those of
    the cell state are calm.
    """
    x = np.random.default_rng(0).standard_normal((1, 30, 3))
    logs = {}
    for dtype in ("float32", "float64"):
        layer = L.LSTM(4, return_sequences=True, dtype=dtype)
        layer(x.astype(dtype))
        layer.set_weights(
            [
                np.random.default_rng(1).standard_normal((3, 16)),
                0.1 * np.random.default_rng(2).standard_normal((4, 16)),
                np.repeat([1.0, 3.0, 0.0, -70.0], 4),
            ]
        )
        logs[dtype] = jacobian(layer, x.astype(dtype)).norms(progress=False)[0]
        if dtype == "float64":
            exact = np.linalg.norm(jacobian(layer, x).full[0], axis=(1, 3))
    t, s = np.tril_indices(30)
    assert (np.abs(logs["float64"][t, s] - np.log10(exact[t, s])) < 1e-12 * 30).all()
    assert np.log10(exact[t, s]).max() < -25
    assert np.abs(logs["float32"][t, s] - logs["float64"][t, s]).max() < 1e-5


def test_a_state_that_dies_and_lives_again_for_later_inputs() -> None:
    layer = L.SimpleRNN(3, activation="relu", return_sequences=True)
    x = np.ones((1, 40, 2), "float32")
    layer.build(x.shape)
    layer.set_weights([np.ones((2, 3)), 1e-3 * np.eye(3), np.zeros(3)])
    x[0, 20] = -100.0
    log = jacobian(layer, x).norms(progress=False)[0]
    t, s = np.indices(log.shape)
    alive = ((t < 20) | (s > 20)) & (s <= t)
    assert (np.isfinite(log) == alive).all() and (np.isneginf(log) == ~alive).all()
    assert np.abs(log[alive] - (np.log10(6**0.5) - 3.0 * (t - s)[alive])).max() < 1e-4  # below 1e-58


def test_a_wrong_order_is_refused() -> None:
    layer, x, _ = _linear(0.5, 5, "float32")
    with pytest.raises(ValueError, match=r"ord is 1; expected 'fro'"):
        jacobian(layer, x).norms(1)
