"""Every differentiable op of tf.raw_ops that can be called with inputs made from its definition."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry, ops

FLOATS = (tf.float32, tf.float64)
TRIES = 250  # combinations of inputs tried for one op
# Ops whose call is not a computation, or hangs, or needs a device that is not here.
LEFT_OUT = ("Barrier", "Collective", "Nccl", "Send", "Recv", "Queue", "XlaHost", "TPU", "EagerPyFunc", "PyFunc", "Print",
            "Debug", "Assert", "Enter", "Exit", "NextIteration", "LoopCond", "RefEnter", "RefExit", "While", "If", "Case",
            "PartitionedCall", "StatefulPartitionedCall", "SymbolicGradient", "StatelessWhile", "Cudnn")  # fmt: skip
# Ops that end the process, instead of raising, on inputs that do not fit.
DANGEROUS = (
    "Conv2DBackprop",
    "Conv3DBackprop",
    "DepthwiseConv2dNativeBackprop",
    "QuantizeAndDequantizeV3",
    "RFFT",
    "IRFFT",
)
SHAPES = ((2, 2), (2, 4, 4, 2), (2,), (), (2, 3, 4), (1, 2, 2, 2), (2, 4, 4, 4, 1), (3, 2, 2), (2, 2, 1, 2))
INTEGERS = (0, [0], [1, 1], [2, 2], [0, 1], [[0, 0], [0, 0]], [1], [2, 2, 2], [2, 4, 4, 2], [[0, 1], [1, 0]], 1,
            [[0, 0], [0, 0], [0, 0], [0, 0]], [1, 1, 1, 1], [0, 0, 0, 0])  # fmt: skip
ATTRIBUTES: dict[str, Any] = {
    "ksize": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "VALID", "block_size": 2,
    "equation": "ij,jk->ik", "pooling_ratio": [1.0, 1.5, 1.5, 1.0], "shape": [2, 2], "axis": 0, "N": 2, "num": 2,
    "num_split": 2, "message": "", "tensor_name": "t", "out_type": tf.float32, "dtype": tf.float32, "DstT": tf.float64,
    "seed": 1, "seed2": 2, "num_bits": 8, "Tout": tf.float32, "type": tf.float32, "squeeze_dims": [],
}  # fmt: skip
# The pooling and convolution ops in three dimensions want five numbers.
THREE = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 1, 1, 1, 1]}


@dataclass
class Called:
    """One op with inputs that it takes."""

    kind: str
    sources: list[Any]  # the float inputs
    run: Callable[..., Any]  # from the sources to the list of float outputs


def differentiable() -> list[str]:
    """The ops of tf.raw_ops that have a registered gradient other than None."""
    found = []
    for kind in sorted(n for n in dir(tf.raw_ops) if n[0].isupper()):
        try:
            gradient = ops._gradient_registry.lookup(kind)
        except LookupError:
            continue
        if gradient is not None and not kind.startswith((*LEFT_OUT, *DANGEROUS)):
            found.append(kind)
    return found


def _value(shape: tuple[int, ...], dtype: Any, number: int) -> Any:
    values = np.random.default_rng(number).uniform(0.2, 0.8, shape)
    return tf.constant(values, dtype)


def _candidates(argument: Any, types: dict[str, Any], number: int) -> list[Any]:
    dtype = tf.as_dtype(argument.type) if argument.type else types.get(argument.type_attr, tf.float32)
    if dtype in FLOATS:
        made = [_value(s, dtype, number) for s in SHAPES]
    elif dtype.is_integer:
        made = [tf.constant(v, dtype) for v in INTEGERS]
    elif dtype == tf.bool:
        made = [tf.constant([[True, False], [False, True]]), tf.constant(True), tf.constant([True, False])]
    elif dtype.is_complex:
        made = [
            tf.complex(_value(s, dtype.real_dtype, number), _value(s, dtype.real_dtype, number + 9)) for s in SHAPES
        ]
    else:
        return []
    if argument.number_attr:
        return [[t, t + 0.25] if dtype.is_floating else [t, t] for t in made]
    return [[t] for t in made] if argument.type_list_attr else made


def _calls(kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    definition = op_def_registry.get(kind)
    types: dict[str, Any] = {}
    listed = {a.number_attr for a in definition.input_arg} | {a.type_list_attr for a in definition.input_arg}
    inferred = {a.type_attr for a in definition.input_arg} | listed
    attributes: dict[str, Any] = {}
    for attribute in definition.attr:
        if attribute.type == "type" and attribute.name in inferred:
            allowed = [tf.as_dtype(t) for t in attribute.allowed_values.list.type]
            first = [t for t in (tf.float32, tf.int32, tf.complex64, tf.float64) if not allowed or t in allowed]
            default = tf.as_dtype(attribute.default_value.type) if attribute.HasField("default_value") else None
            types[attribute.name] = default or (first[0] if first else allowed[0])
        elif attribute.name in inferred or attribute.HasField("default_value"):
            continue
        elif attribute.name in ATTRIBUTES:
            known = THREE if "3D" in kind or "Pool3" in kind else ATTRIBUTES
            attributes[attribute.name] = known.get(attribute.name, ATTRIBUTES[attribute.name])
        else:
            return
    public = list(inspect.signature(getattr(tf.raw_ops, kind)).parameters)  # some inputs have another name there
    names = [a.name if a.name in public else public[n] for n, a in enumerate(definition.input_arg)]
    options = [_candidates(a, types, n) for n, a in enumerate(definition.input_arg)]
    # Inputs of the same kind most often go together: first all with the same place in their lists, then mixed.
    width = max((len(o) for o in options), default=0)
    together = ([o[min(i, len(o) - 1)] for o in options if o] for i in range(width))
    seen = itertools.chain(together, itertools.product(*options))
    for chosen in itertools.islice(seen, TRIES):
        if len(chosen) == len(definition.input_arg):
            yield dict(zip(names, chosen, strict=True)), attributes


def called(kind: str) -> Called | None:
    """The op with the first inputs that it takes and for which a gradient arrives; None if there are none."""
    function = getattr(tf.raw_ops, kind)
    for inputs, attributes in _calls(kind):
        names = [n for n, v in inputs.items() if _floats(v)]
        if not names:
            continue

        def run(*sources: Any, _i: Any = inputs, _n: Any = names, _a: Any = attributes) -> Any:
            left = iter(sources)
            given = {
                k: ([next(left) for _ in v] if isinstance(v, list) else next(left)) if k in _n else v
                for k, v in _i.items()
            }
            return _floats(function(**given, **_a))

        sources = [t for n in names for t in _floats(inputs[n])]
        if sum(int(tf.size(s)) for s in sources) > 200:
            continue
        try:
            out = run(*sources)
        except Exception:  # these inputs are not the op's
            continue
        if out and all(int(tf.size(o)) for o in out):
            return Called(kind, sources, run)
    return None


def _floats(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in _floats(v)]
    return [value] if isinstance(value, tf.Tensor) and (value.dtype.is_floating or value.dtype.is_complex) else []
