"""What `gradlab.through_time` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.bptt.gates import Gate
from gradlab.bptt.words import alt_text, layer_lines, memory_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class LayerThroughTime:
    """One recurrent layer, seen from the loss. B samples, T positions of its input sequence, U units.

    Arrays are in the order of the input sequence, also for a layer that reads it backwards. Under `TimeDistributed` the
    samples are all positions of sample 0, then of sample 1, ...; a layer that is called several times has one of these for each call.

    Attributes
    ----------
    name, kind
        Its path in the model, and LSTM, GRU, SimpleRNN or the class of its cell.
    backwards
        Whether it reads the sequence from its end.
    gradients
        State ("h", "c", ...) to an array (B, T, U): d loss / d state after the step at that position, over every way to
        the loss: through the output of its own step, later steps, and for c through h. NaN where there is none: see `none` and `masked`.
    none
        State to (T,) booleans: no path from the state at that position to the loss.
    masked
        (B, T) booleans: the mask skips the step, which has no state of its own.
    gates
        Weights and their gradients (over all calls) by gate: see `Gate`.
    map
        (B, T, T) log10 of |d h_t / d x_s|, x being what the layer reads: `gradlab.jacobian(...).norms()`, dropout off.
        -inf is exactly zero. None where `refused` says why.
    singular
        (B, T) the largest singular value of d state_t / d (state before); above 1 a change can grow.
    influence
        (T,) log10 of the influence by lag: the median of `map` over samples and positions.
    memory
        The lag at which the influence has fallen to a tenth of its largest; None where it has not.
    refused
        Why there is no map; empty where there is one.
    """

    name: str
    kind: str
    backwards: bool
    gradients: dict[str, np.ndarray]
    none: dict[str, np.ndarray]
    masked: np.ndarray
    gates: list[Gate]
    map: np.ndarray | None = None
    singular: np.ndarray | None = None
    influence: np.ndarray | None = None
    memory: float | None = None
    refused: str = ""

    @property
    def samples(self) -> int:
        """B."""
        return int(self.masked.shape[0])

    @property
    def steps(self) -> int:
        """T."""
        return int(self.masked.shape[1])

    def size(self, state: str = "h", sample: int | None = None) -> np.ndarray:
        """|d loss / d state| as (T, U): of one sample, or the mean over the samples that are not masked there.

        NaN where there is none. LookupError for a state that the layer does not have.
        """
        if state not in self.gradients:
            raise LookupError(f"{self.name} has no state {state!r}; it has {', '.join(map(repr, self.gradients))}")
        found = np.abs(self.gradients[state]).astype(float)
        if sample is not None:
            return np.asarray(np.where(self.masked[sample][:, None], np.nan, found[sample]))
        counts = (~self.masked)[:, :, None]
        number = counts.sum(0)
        total = np.where(counts, found, 0.0).sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(number > 0, total / number, np.nan))

    def norms(self, sample: int | None = None) -> np.ndarray:
        """log10 of |d h_t / d x_s| as (T, T): of one sample, or of the mean of the norms. ValueError if refused."""
        if self.map is None:
            raise ValueError(f"{self.name} has no map: {self.refused}")
        if sample is not None:
            return self.map[sample]
        top = np.nanmax(np.where(np.isnan(self.map), -np.inf, self.map), 0)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            return np.asarray(safe + np.log10(np.mean(10.0 ** (self.map - safe), 0)))

    @property
    def sentence(self) -> str:
        """The effective memory in a sentence."""
        return memory_sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON: None where there is no path, "masked", "nan" and "inf" as words."""
        return {
            "name": self.name,
            "kind": self.kind,
            "backwards": self.backwards,
            "gradients": {s: _plain(g, self.masked, self.none[s]) for s, g in self.gradients.items()},
            "map": None if self.map is None else _numbers(self.map),
            "singular": None if self.singular is None else _numbers(self.singular),
            "influence": None if self.influence is None else _numbers(self.influence),
            "memory": self.memory,
            "sentence": self.sentence,
            "refused": self.refused,
            "gates": [
                {
                    "weight": g.weight,
                    "gate": g.gate,
                    "trainable": g.trainable,
                    "values": _numbers(g.values),
                    "gradient": None if g.gradient is None else _numbers(g.gradient),
                }
                for g in self.gates
            ],
        }


@dataclass
class ThroughTime:
    """What a loss says to every state of every recurrent layer of a model.

    In a notebook it shows itself as a picture that can be switched and read by keys, with a static picture beside it.

    Attributes
    ----------
    layers
        A `LayerThroughTime` for each recurrent layer and call, in the model's order.
    of
        What was differentiated, in words.
    value
        Its value.
    training
        Whether dropout was on.
    notes
        What the reader has to know.
    """

    layers: list[LayerThroughTime]
    of: str
    value: float
    training: bool = False
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, which: str | int) -> LayerThroughTime:
        """A layer by name or number. LookupError for one that is not there."""
        if isinstance(which, int):
            return self.layers[which]
        for layer in self.layers:
            if layer.name == which:
                return layer
        raise LookupError(f"no layer {which!r}; there are {', '.join(repr(x.name) for x in self.layers)}")

    def __repr__(self) -> str:
        lines = [f"through time: {self.of} is {self.value:.6g}, dropout {'on' if self.training else 'off'}"]
        lines += [line for layer in self.layers for line in layer_lines(layer)]
        return "\n".join([*lines, *self.notes])

    def figure(self, layer: str | int | None = None, sample: int | None = None) -> Figure:
        """All pictures with matplotlib: one row for each layer. `sample`: one sample, or None for the mean."""
        from gradlab.bptt.figure import figure

        return figure(self.layers if layer is None else [self[layer]], sample, self.of)

    def widget(self) -> Any:
        """The interactive picture, for a notebook."""
        from gradlab.panel.through_time_view import ThroughTimeWidget

        return ThroughTimeWidget(self)

    def save_html(self, path: Any) -> None:
        """Write one file that needs no network: the interactive picture, and the sentences."""
        from pathlib import Path

        from gradlab.panel.through_time_view import page

        Path(path).write_text(page(self), encoding="utf-8")

    def _repr_mimebundle_(self, **keywords: Any) -> Any:
        return self.widget()._repr_mimebundle_(**keywords)

    def alt_text(self) -> str:
        """The picture in words."""
        return alt_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "of": self.of,
            "value": float(self.value),
            "training": self.training,
            "notes": list(self.notes),
            "layers": [layer.to_dict() for layer in self.layers],
        }


def _numbers(array: np.ndarray) -> Any:
    return [_numbers(part) for part in array] if np.ndim(array) else _number(float(array))


def _number(value: float) -> Any:
    return value if np.isfinite(value) else "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"


def _plain(gradient: np.ndarray, masked: np.ndarray, none: np.ndarray) -> list[Any]:
    return [
        ["masked" if masked[b, t] else None if none[t] else _numbers(gradient[b, t]) for t in range(gradient.shape[1])]
        for b in range(gradient.shape[0])
    ]
