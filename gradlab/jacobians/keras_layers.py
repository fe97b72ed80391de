"""Read a Keras layer: which recurrences it is made of, in which order; and refuse what is not understood.

Works on Keras 3 and legacy Keras (tf_keras) alike, by the classes' own modules, importing neither.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

_STOCK_CELLS = {"SimpleRNNCell": "simple", "GRUCell": "gru", "LSTMCell": "lstm"}
_RECURRENT = ("SimpleRNN", "GRU", "LSTM", "RNN")
_IDENTITY_AT_INFERENCE = (
    "InputLayer",
    "Dropout",
    "SpatialDropout1D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
)
_FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class CellSpec:
    """One cell to linearise: a stock one by its kind, or any other as "generic"."""

    cell: Any
    kind: str


@dataclass(frozen=True)
class RecurrentSpec:
    """One recurrent layer: its cells from the input up (more than one for StackedRNNCells)."""

    layer: Any
    cells: tuple[CellSpec, ...]


@dataclass(frozen=True)
class BidirectionalSpec:
    """A Bidirectional layer."""

    layer: Any
    forward: RecurrentSpec
    backward: RecurrentSpec
    merge: str


@dataclass(frozen=True)
class MaskingSpec:
    """A Masking layer: zero, and masked from there on, where every input equals the value."""

    layer: Any


Spec = RecurrentSpec | BidirectionalSpec | MaskingSpec


def is_keras(thing: Any, *names: str) -> bool:
    """Whether the object's class is exactly one of Keras's (or tf_keras's) own classes of these names."""
    kind = type(thing)
    return kind.__name__ in names and kind.__module__.split(".")[0] in ("keras", "tf_keras")


def is_legacy(thing: Any) -> bool:
    """Whether the object belongs to legacy Keras (tf_keras)."""
    return any(kind.__module__.split(".")[0] == "tf_keras" for kind in type(thing).__mro__)


def read(layer: Any, *, with_initial_state: bool) -> list[Spec]:
    """The recurrences of a layer, a list of layers, or a Sequential of recurrent layers, from the input up.

    TypeError when it is nothing of the kind; ValueError when it is, but cannot be done exactly.
    """
    if isinstance(layer, (list, tuple)):
        specs = [_read_one(part, with_initial_state) for part in layer]
        parts: list[Any] = list(layer)
    elif _is_model(layer):
        if not _named(layer, "Sequential"):
            raise TypeError(
                f"{label(layer)} is a model with its own wiring; pass its recurrent layers as a list, first layer "
                f"first, with the "
                "inputs of the first"
            )
        parts = [part for part in layer.layers if not is_keras(part, *_IDENTITY_AT_INFERENCE)]
        dtypes = {_compute_dtype(part) for part in layer.layers if not is_keras(part, "InputLayer")}
        if len(dtypes) > 1:  # a dropout in float32 between layers in float64 casts, and loses digits, at inference too
            raise ValueError(f"the layers of {label(layer)} compute in different dtypes ({', '.join(sorted(dtypes))})")
        specs = [_read_one(part, with_initial_state) for part in parts]
    else:
        return [_read_one(layer, with_initial_state)]
    if not any(not isinstance(spec, MaskingSpec) for spec in specs):
        raise TypeError(
            "no recurrent layer given: expected SimpleRNN, GRU, LSTM, RNN or Bidirectional, or a list or Sequential of "
            "them"
        )
    for part in parts[:-1]:
        if not is_keras(part, "Masking") and not getattr(part, "return_sequences", True):
            raise ValueError(
                f"{label(part)} returns its last output only, so the layer after it has no sequence to read: build it "
                f"with "
                "return_sequences=True"
            )
    return specs


def _read_one(layer: Any, with_initial_state: bool) -> Spec:
    if is_keras(layer, "Masking"):
        return MaskingSpec(layer)
    if is_keras(layer, "Bidirectional"):
        forward, backward = (
            _recurrent(part, with_initial_state) for part in (layer.forward_layer, layer.backward_layer)
        )
        if layer.merge_mode is None:
            raise ValueError(
                f"{label(layer)} has merge_mode=None, which is two outputs: ask its forward_layer and its "
                f"backward_layer, one at a time"
            )
        return BidirectionalSpec(layer, forward, backward, layer.merge_mode)
    return _recurrent(layer, with_initial_state)


def _recurrent(layer: Any, with_initial_state: bool) -> RecurrentSpec:
    base = next((kind for kind in type(layer).__mro__ if kind.__module__.split(".")[0] in ("keras", "tf_keras")), None)
    if base is None or base.__name__ not in _RECURRENT:
        raise TypeError(
            f"{label(layer)} is not a recurrent layer over (batch, steps, features): expected SimpleRNN, GRU, LSTM, "
            f"RNN "
            "or Bidirectional, or a list or Sequential of them. Between recurrent layers, only Masking and dropout are "
            "understood"
        )
    _refuse_overridden(layer)
    if getattr(layer, "stateful", False) and not with_initial_state:
        raise ValueError(
            f"{label(layer)} is stateful: its result depends on the calls before this one. Pass initial_state= (for "
            f"instance the "
            "values of layer.states), or build it with stateful=False"
        )
    return RecurrentSpec(layer, _cells(layer.cell))


def _cells(cell: Any) -> tuple[CellSpec, ...]:
    if is_keras(cell, "StackedRNNCells") and not getattr(cell, "reverse_state_order", False) and not _patched(cell):
        return tuple(spec for inner in cell.cells for spec in _cells(inner))
    if is_keras(cell, *_STOCK_CELLS) and not _patched(cell):
        from gradlab.jacobians.cells.closed_form import has_closed_form

        kind = _STOCK_CELLS[type(cell).__name__]
        if has_closed_form(cell, kind):
            return (CellSpec(cell, kind),)
    return (CellSpec(cell, "generic"),)


def _patched(thing: Any) -> bool:
    """Whether somebody put another method on this one object."""
    return any(
        name in vars(thing)
        for name in ("call", "__call__", "_compute_carry_and_output", "_compute_carry_and_output_fused")
    )


def _refuse_overridden(layer: Any) -> None:
    """A recurrent layer whose own `call` is not Keras's may do anything around the cell: it is not known."""
    for name in ("call", "__call__", "inner_loop", "get_initial_state"):
        owner = next((kind for kind in type(layer).__mro__ if name in vars(kind)), None)
        ours = owner is None or owner.__module__.split(".")[0] in ("keras", "tf_keras")
        if name in vars(layer) or not ours:
            raise ValueError(
                f"{label(layer)} has its own `{name}`, so what it does around its cell is not known: put what is "
                f"special into a cell "
                "(a class with `call` and `state_size`) and pass RNN(cell)"
            )


def dtype_of(spec: Spec) -> str:
    """The dtype a layer computes in; only float32 and float64 are exact enough to be worth a Jacobian."""
    layer = spec.layer
    dtype = _compute_dtype(layer)
    inside: list[Any] = []
    if isinstance(spec, RecurrentSpec):
        inside = [layer.cell, *(part.cell for part in spec.cells)]
    elif isinstance(spec, BidirectionalSpec):
        inside = [
            side
            for part in (spec.forward, spec.backward)
            for side in (part.layer, part.layer.cell, *(c.cell for c in part.cells))
        ]
    for part in inside:
        other = _compute_dtype(part)
        if other not in ("", dtype):  # Keras would cast to and fro at every step, and lose digits there
            raise ValueError(
                f"{label(layer)} computes in {dtype}, but {label(part)} inside it in {other}: pass dtype={other!r} to "
                f"both"
            )
    if dtype not in _FLOATS:
        raise ValueError(f"{label(layer)} computes in {dtype}; build it with dtype='float32' or 'float64'")
    return dtype


def _compute_dtype(thing: Any) -> str:
    return str(getattr(thing, "compute_dtype", None) or getattr(thing, "dtype", None) or "")


def build(layer: Any, shape: tuple[int, int, int]) -> None:
    """Create the weights of layers that have none yet, as their first call would."""
    if isinstance(layer, (list, tuple)):
        for part in layer:
            build(part, shape)
            shape = (*shape[:2], width(part, shape[2]))
    elif not getattr(layer, "built", True):
        layer.build(shape)


def width(layer: Any, inputs: int) -> int:
    """The number of outputs of one layer at each step."""
    if is_keras(layer, "Masking"):
        return inputs
    if is_keras(layer, "Bidirectional"):
        each = width(layer.forward_layer, inputs)
        return 2 * each if layer.merge_mode == "concat" else each
    cell = layer.cell
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return int(size)


def label(layer: Any) -> str:
    """How a message names a layer: class and name."""
    name = getattr(layer, "name", None)
    return f"{type(layer).__name__} {name!r}" if isinstance(name, str) else type(layer).__name__


def refuse(layer: Any, problem: str) -> NoReturn:
    """Raise ValueError about a layer."""
    raise ValueError(f"{label(layer)}: {problem}")


def _named(thing: Any, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(thing).__mro__)


def _is_model(thing: Any) -> bool:
    return _named(thing, "Model") or _named(thing, "Functional")
