"""gradlab.jacobian: the one entry to everything in this package."""

from typing import Any

import numpy as np

from gradlab.jacobians import keras_layers, memory
from gradlab.jacobians.backend import Array, NumpyOps, Ops, TensorflowOps
from gradlab.jacobians.cells import generic
from gradlab.jacobians.linearise import linearise
from gradlab.jacobians.result import Jacobian
from gradlab.runtime.keras_backend import require_tensorflow

_WRT = ("inputs", "initial_state", "states")


def jacobian(
    layer: Any,
    inputs: Any,
    *,
    of: str = "h",
    wrt: str = "inputs",
    initial_state: Any = None,
    mask: Any = None,
    device: str | None = None,
) -> Jacobian:
    """The exact Jacobian of a recurrent layer's outputs, per time step: d h_t / d x_s for every t and s.

    layer: SimpleRNN, GRU, LSTM, RNN(any cell), Bidirectional, or a list or Sequential of these (Keras 3 or legacy
    Keras); at inference, so without dropout. inputs: (B, T, I), floats.
    of: "h", the outputs (B, T, H), or "c", the cell state (an LSTM's; for any other cell its second state).
    wrt: "inputs"; "initial_state" (B, S); or "states", the states entering each step.
    initial_state: as the layer takes it (zeros by default); for stacked layers a list with one entry per layer.
    mask: (B, T), true where a step counts. device: None computes with NumPy; a name such as "/GPU:0" keeps all of it
    there, in TensorFlow, and the results are tensors.

    The returned Jacobian has .full, .diagonal, .step, .last, .norms() and .chunks(), each computed when asked for.

    Method: one pass through time gives the states; the local Jacobians of all steps follow at once, in closed form for
    Keras's own cells with activations known and checked, otherwise by one batched Jacobian of the cell itself; products
    over time do the rest. Never an approximation: what cannot be done exactly raises TypeError (wrong kind of thing) or
    ValueError (right kind, but not possible).

    >>> import gradlab, numpy as np, tensorflow as tf
    >>> found = gradlab.jacobian(tf.keras.layers.LSTM(4, return_sequences=True), np.ones((2, 5, 3), "float32"))
    >>> found.full.shape, found.norms(progress=False).shape
    ((2, 5, 4, 5, 3), (2, 5, 5))
    """
    if of not in ("h", "c"):
        raise ValueError(f"of is {of!r}; expected 'h' (the outputs) or 'c' (the cell state)")
    if wrt not in _WRT:
        raise ValueError(f"wrt is {wrt!r}; expected one of {', '.join(map(repr, _WRT))}")
    mask = getattr(inputs, "_keras_mask", None) if mask is None else mask  # what the layer itself would use
    values = _floats(inputs)
    require_tensorflow(layer[0] if isinstance(layer, (list, tuple)) and layer else layer, "gradlab.jacobian")
    specs = keras_layers.read(layer, with_initial_state=initial_state is not None)
    keras_layers.build(layer, tuple(values.shape))
    dtypes = {keras_layers.dtype_of(spec) for spec in specs}
    if len(dtypes) != 1:
        raise ValueError(f"the layers compute in different dtypes ({', '.join(sorted(dtypes))}): use one")
    dtype = dtypes.pop()
    ops = _ops(device)
    where = ops.scope() if device is None else _device(device)
    with where:
        x = ops.asarray(values, dtype)
        keep = _mask(mask, x)
        _check_size(specs, x, dtype)
        single = not isinstance(layer, (list, tuple)) and not hasattr(layer, "layers")
        nodes = linearise(
            specs, x, initial_state, keep if device is None or keep is None else _tensor(keep), of, ops, dtype, single
        )
    top = layer[-1] if isinstance(layer, (list, tuple)) else layer.layers[-1] if hasattr(layer, "layers") else layer
    return Jacobian(nodes, wrt, ops=ops, dtype=dtype, returns_sequences=bool(getattr(top, "return_sequences", True)))


def _floats(inputs: Any) -> Any:
    """The inputs as an array or tensor (B, T, I) of floats."""
    if hasattr(inputs, "dtype") and not isinstance(inputs, np.ndarray):
        if not hasattr(inputs, "numpy"):
            raise TypeError(
                f"inputs is {type(inputs).__name__}, without values (symbolic, or inside tf.function): call jacobian "
                f"outside, with values"
            )
        dtype, values = str(getattr(inputs.dtype, "name", inputs.dtype)), inputs
    else:
        values = np.asarray(inputs)
        dtype = values.dtype.name
    if "float" not in dtype:
        raise TypeError(
            f"inputs are {dtype}: a derivative needs floating-point inputs; convert them (or, for token ids, pass "
            f"their embeddings)"
        )
    shape = tuple(values.shape)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"inputs have shape {shape}; expected (batch, steps, features), none of them zero")
    return values


def _mask(mask: Any, x: Array) -> np.ndarray | None:
    if mask is None:
        return None
    keep = np.asarray(mask)
    if keep.shape == (*x.shape[:2], 1):
        keep = keep[:, :, 0]
    if keep.shape != tuple(x.shape[:2]):
        raise ValueError(f"mask has shape {keep.shape}; expected {tuple(x.shape[:2])} (batch, steps)")
    if keep.dtype != np.bool_ and not np.isin(keep, (0, 1)).all():
        raise ValueError("mask must be boolean (or 0 and 1): true where a step counts")
    keep = keep.astype(bool)
    return None if keep.all() else keep


def _check_size(specs: list[keras_layers.Spec], x: Array, dtype: str) -> None:
    """Refuse sequences whose local Jacobians alone (B, T, S, S + I) would not fit."""
    batch, steps, width = (int(n) for n in x.shape)
    for spec in specs:
        parts = (
            [spec]
            if isinstance(spec, keras_layers.RecurrentSpec)
            else [getattr(spec, side) for side in ("forward", "backward") if hasattr(spec, side)]
        )
        for part in parts:
            states = max(sum(generic.state_sizes(c.cell)) for c in part.cells)
            shape = (batch, steps, states, states + width)
            memory.check(
                "the local Jacobians",
                shape,
                4 if dtype == "float32" else 8,
                None,
                "take the sequence in pieces, each with initial_state= from the one before",
            )


def _ops(device: str | None) -> Ops:
    return NumpyOps() if device is None else TensorflowOps(device)


def _device(device: str) -> Any:
    import tensorflow as tf

    known = [d.name for d in tf.config.list_logical_devices()]
    wanted = tf.DeviceSpec.from_string(device)
    found = any(
        wanted.device_type in (None, spec.device_type) and wanted.device_index in (None, spec.device_index)
        for spec in map(tf.DeviceSpec.from_string, known)
    )
    if not found:
        raise ValueError(f"device {device!r} is not here; TensorFlow sees {', '.join(known)}")
    return tf.device(device)


def _tensor(keep: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(keep)
