"""Which recurrent layers a model has, each under its path. Keras 3 and legacy Keras, importing neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

STOCK = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}


def keras_class(thing: Any) -> Any:
    """The nearest class of the object that is Keras' own, or None."""
    owners = (k for k in type(thing).__mro__ if k.__module__.split(".")[0] in ("keras", "tf_keras"))
    return next(owners, None)


def is_recurrent(layer: Any) -> bool:
    """A layer that runs a cell over time: Keras' RNN or made from it."""
    return any(k.__name__ == "RNN" and k.__module__.split(".")[0] in ("keras", "tf_keras") for k in type(layer).__mro__)


def is_time_distributed(layer: Any) -> bool:
    """Keras' wrapper that calls one layer at each position of a further axis."""
    return any(k.__name__ == "TimeDistributed" and "keras" in k.__module__ for k in type(layer).__mro__)


def walk(layer: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """(path, layer) of a layer or model and of all inside, each once. A cell is part of its layer and is not entered."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path or str(layer.name), layer
    if is_recurrent(layer):
        return
    inside = list(layer._flatten_layers(include_self=False, recursive=False))  # noqa: SLF001 (`layers` lacks nested ones)
    for part in inside:
        name = str(part.name)
        yield from walk(part, f"{path}/{name}" if path else name, seen)


def recurrent(model: Any) -> list[tuple[str, Any]]:
    """The recurrent layers of a model under distinct paths, in the model's order. ValueError where there is none."""
    found: list[tuple[str, Any]] = []
    taken: set[str] = set()
    for path, layer in walk(model):
        if is_recurrent(layer):
            name, n = path, 2
            while name in taken:
                name, n = f"{path}#{n}", n + 1
            taken.add(name)
            found.append((name, layer))
    if not found:
        raise ValueError(
            f"{type(model).__name__} {model.name!r} has no recurrent layer; expected a SimpleRNN, GRU, LSTM or RNN(cell) "
            "inside. A loop of your own around a cell is not seen: put the cell into RNN(cell), or see line_gradients"
        )
    return found


def kind_of(layer: Any) -> str:
    """What a reader calls the layer: LSTM, GRU, SimpleRNN, or the class of its cell."""
    owner = keras_class(layer.cell)
    return STOCK.get(owner.__name__ if owner else "", type(layer.cell).__name__)


def state_names(layer: Any) -> list[str]:
    """One name for each state of a step, in Keras' order: h and c; for stacked cells with the cell's number."""
    cells = list(getattr(layer.cell, "cells", None) or [layer.cell])
    out: list[str] = []
    for n, cell in enumerate(cells):
        size = cell.state_size
        # a tuple of plain numbers may be the shape of one state (ConvLSTM) only where it is a tuple inside a list
        count = len(size) if isinstance(size, (list, tuple)) else 1
        own = ["h", "c"][:count] if count <= 2 else [f"state {i}" for i in range(count)]
        out += [name if len(cells) == 1 else f"{name} of cell {n}" for name in own]
    return out
