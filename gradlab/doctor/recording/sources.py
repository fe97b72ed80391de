"""What the gradient is asked for: names, variables, tensors, and clear words for what cannot be a source."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.recording.tf_internals import EagerTensor
from gradlab.runtime.arguments import no_string
from gradlab.runtime.keras_backend import require_tensorflow

Eager = EagerTensor  # the class of every tensor that has a value

FLOATS = frozenset({tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128})
HALF = frozenset({tf.float16, tf.bfloat16})
# Tensors that are made of several: TensorFlow differentiates with respect to the values of these.
COMPOSITES = (tf.RaggedTensor, tf.SparseTensor, tf.IndexedSlices)


@dataclass
class Source:
    """One thing the gradient is asked for."""

    name: str
    given: Any  # what the learner passed
    value: Any  # a tf.Variable or an eager tensor (of a composite tensor its values)

    @property
    def is_variable(self) -> bool:
        return hasattr(self.value, "handle")

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def trainable(self) -> bool:
        return bool(getattr(self.value, "trainable", True))


def unwrap(thing: Any) -> Any:
    """The tf.Variable behind a Keras 3 variable, the values of a composite tensor; anything else unchanged."""
    if type(thing) is Eager:  # nearly all are, and the checks below ask the abstract classes of TensorFlow
        return thing
    if isinstance(thing, COMPOSITES):
        return thing.flat_values if isinstance(thing, tf.RaggedTensor) else thing.values
    if not isinstance(thing, (tf.Variable, tf.Tensor)) or type(thing).__module__.startswith("keras"):
        inner = getattr(thing, "value", None)
        if isinstance(inner, tf.Variable):
            return inner
    return thing


def _kind(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def as_source(name: str, thing: Any) -> Source:
    """Check one source. TypeError or ValueError names what is wrong with it."""
    value = unwrap(thing)
    if isinstance(value, tf.Variable):
        if not isinstance(getattr(value, "handle", None), Eager):
            raise ValueError(
                f"source {name!r} is a variable of another graph ({value!r}); explain works on eager variables: "
                "create it outside of tf.function and tf.Graph"
            )
        return Source(name, thing, value)
    if isinstance(value, Eager):
        return Source(name, thing, value)
    if isinstance(value, tf.Tensor):
        raise ValueError(
            f"source {name!r} belongs to another graph ({value!r}); explain works on eager tensors and variables: "
            "pass the tensor that the loss function uses, not the one of a traced function or model"
        )
    require_tensorflow(thing, "gradlab's doctor")
    kind = _kind(thing)
    if "KerasTensor" in kind:
        raise TypeError(
            f"source {name!r} is a KerasTensor, a placeholder without a value; pass the tensor that goes into the model"
        )
    if isinstance(thing, np.ndarray) or kind.startswith(("jax", "jaxlib", "torch", "numpy", "cupy")):
        raise TypeError(
            f"source {name!r} is a {kind}, not a TensorFlow tensor: convert it once (x = tf.constant(a)), "
            "use x in the loss and pass x as the source"
        )
    raise TypeError(f"source {name!r} is a {kind}; expected a tf.Variable, a Keras variable or an eager tensor")


def _unique(name: str, taken: set[str]) -> str:
    candidate, n = name, 2
    while candidate in taken:
        candidate, n = f"{name}#{n}", n + 1
    taken.add(candidate)
    return candidate


def _variable_name(thing: Any, n: int) -> str:
    name = getattr(thing, "path", None) or getattr(thing, "name", None) if not isinstance(thing, Eager) else None
    return str(name).removesuffix(":0") if name else f"source {n}"


def is_owner(thing: Any) -> bool:
    """A Keras layer or model, or a tf.Module: something with variables of its own."""
    if isinstance(thing, (type, dict, list, tuple)):  # Keras' wrapper of a dict raises where its variables are read
        return False
    if isinstance(thing, tf.Module):
        return True
    # Looked up without running it: what a property of the user's does is not ours to start.
    has = inspect.getattr_static(thing, "trainable_variables", None) is not None
    return has and not isinstance(thing, (tf.Variable, tf.Tensor))


def collect(sources: Any, owner: Any = None) -> tuple[list[Source], Any]:
    """The list of sources, and the owner to blame for variables that are not in it (or None)."""
    if isinstance(sources, Mapping):
        if not sources and owner is None:
            raise ValueError(
                "sources is an empty dict: name at least one variable or tensor, for example {'w': w} "
                "(to ask why a list of variables is empty, pass owner=the layer or model it came from)"
            )
        pairs: Iterable[tuple[str, Any]] = [(str(k), v) for k, v in sources.items()]
    elif is_owner(sources):
        owner = sources if owner is None else owner
        pairs = [(_variable_name(v, i), v) for i, v in enumerate(sources.trainable_variables)]
    elif isinstance(sources, (tf.Variable, tf.Tensor)) or isinstance(unwrap(sources), tf.Variable):
        pairs = [(_variable_name(sources, 0), sources)]
    elif isinstance(sources, (list, tuple)):
        if not sources and owner is None:
            raise ValueError(
                "sources is an empty list: no variable to ask about. If it came from a layer or model, pass owner=that "
                "layer or model and the report says which variables are missing and why"
            )
        pairs = [(_variable_name(v, i), v) for i, v in enumerate(sources)]
    else:
        raise TypeError(
            f"sources is a {_kind(sources)}; expected a dict of names to variables or tensors, a list, a "
            f"Keras layer or "
            "model, or a tf.Module"
        )
    taken: set[str] = set()
    found = []
    for name, thing in pairs:
        if isinstance(thing, (list, tuple)) or (is_owner(thing) and not isinstance(unwrap(thing), tf.Variable)):
            inner, _ = collect(thing if is_owner(thing) else list(thing), owner=thing)
            found += [Source(_unique(f"{name}/{s.name}", taken), s.given, s.value) for s in inner]
        else:
            found.append(as_source(_unique(name, taken), thing))
    return found, owner


def members(sources: Any) -> dict[str, Any]:
    """The layers, models and modules that stand inside a list or dict of sources, by the names of their rows."""
    if isinstance(sources, Mapping):
        pairs = [(str(k), v) for k, v in sources.items()]
    elif isinstance(sources, (list, tuple)):
        pairs = [(_variable_name(v, i), v) for i, v in enumerate(sources)]
    else:
        return {}
    found: dict[str, Any] = {}
    for name, thing in pairs:
        if isinstance(thing, (list, tuple)):
            found |= {f"{name}/{inner}": v for inner, v in members(thing).items()}
        elif is_owner(thing) and not isinstance(unwrap(thing), tf.Variable):
            found[name] = thing
    return found


def watched(watch: Any, sources: list[Source]) -> list[Any]:
    """The tensors to watch: a list of names of sources, or tensors and variables themselves. TypeError for one name alone,
    a string; LookupError for a name that is no source."""
    no_string(watch, "watch")
    by_name = {s.name: s for s in sources}
    items = [watch] if isinstance(watch, (tf.Tensor, tf.Variable)) else list(watch)
    found = []
    for item in items:
        if isinstance(item, str):
            if item not in by_name:
                raise LookupError(
                    f"watch names {item!r}, which is not a source; the sources are {', '.join(map(repr, by_name))}"
                )
            found.append(by_name[item].value)
        else:
            found.append(as_source("watch", item).value)
    return found
