"""What went into an op and came out of it, as flat lists, from the arguments of TensorFlow's fast path.

The fast path is given an op's inputs (a tensor, a list, or something that it converts) and those attributes that the
caller chose; types and lengths are inferred, and defaults filled in, from the op's definition. The same is done here.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.tf_internals import EagerTensor

Flat = tuple[list[Any], tuple[Any, ...], list[Any]]


@cache
def _defaults(kind: str) -> tuple[tuple[str, Any], ...]:
    found = []
    for attribute in tf_internals.op_def(kind).attr:
        if attribute.HasField("default_value"):
            value = attribute.default_value
            which = value.WhichOneof("value")
            content = getattr(value, which)
            if which == "list":
                content = next((list(items) for _, items in content.ListFields()), [])
            found.append((attribute.name, content))
    return tuple(found)


def outputs(out: Any) -> list[Any]:
    """The tensors an op gave: none, one, or a list that may hold lists."""
    if out is None:
        return []
    if isinstance(out, (list, tuple)):
        return [t for o in out for t in outputs(o)]
    return [out] if isinstance(out, EagerTensor) else []


class _Argument(NamedTuple):
    """What is asked of an argument of an op's definition, read once: the definition's own fields are slow."""

    number_attr: str
    type_list_attr: str
    type_attr: str
    type: int


@cache
def _signature(kind: str) -> tuple[tuple[_Argument, ...], tuple[_Argument, ...]]:
    """The arguments that an op takes, and those it gives."""
    definition = tf_internals.op_def(kind)
    takes, gives = (
        tuple(_Argument(a.number_attr, a.type_list_attr, a.type_attr, a.type) for a in arguments)
        for arguments in (definition.input_arg, definition.output_arg)
    )
    return takes, gives


def of_fast_path(kind: str, arguments: tuple[Any, ...], out: Any) -> Flat:
    """Inputs, attributes (name, value, name, value, ...) and outputs of an op that went the fast path."""
    takes, gives = _signature(kind)
    count = len(takes)
    given, rest = arguments[:count], arguments[count:]
    types: dict[str, Any] = {}
    attributes: list[Any] = []
    groups: list[tuple[Any, list[Any]]] = []
    for argument, value in zip(takes, given, strict=True):
        listed = bool(argument.number_attr or argument.type_list_attr)
        values = list(value) if listed else [value]
        groups.append((argument, values))
        if argument.number_attr:
            attributes += [argument.number_attr, len(values)]
        known = [v.dtype for v in values if isinstance(v, EagerTensor)] if argument.type_attr else []
        if known:
            types.setdefault(argument.type_attr, known[0])
    outs = outputs(out)
    _types_of_outputs(gives, outs, types)
    inputs: list[Any] = []
    for argument, values in groups:
        flat = []
        for v in values:
            if not isinstance(v, EagerTensor):
                v = _converted(v, types.get(argument.type_attr) or (argument.type or None))
                if argument.type_attr:
                    types.setdefault(argument.type_attr, v.dtype)
            flat.append(v)
        if argument.type_list_attr:
            attributes += [argument.type_list_attr, [v.dtype.as_datatype_enum for v in flat]]
        inputs += flat
    for attribute, dtype in types.items():
        attributes += [attribute, dtype.as_datatype_enum]
    attributes += rest
    have = set(attributes[::2])
    for attribute, value in _defaults(kind):
        if attribute not in have:
            attributes += [attribute, value]
    return inputs, tuple(attributes), outs


def _types_of_outputs(gives: Any, outs: list[Any], types: dict[str, Any]) -> None:
    """Add the types that only the outputs tell, up to the first argument that stands for several."""
    for argument, tensor in zip(gives, outs, strict=False):
        if argument.number_attr or argument.type_list_attr:
            return
        if argument.type_attr:
            types.setdefault(argument.type_attr, tensor.dtype)


def _converted(value: Any, dtype: Any) -> Any:
    if dtype is None:
        return tf.convert_to_tensor(value)
    dtype = tf.as_dtype(dtype)
    handle = getattr(value, "handle", None)
    if dtype == tf.resource and handle is not None:
        return handle
    return tf.convert_to_tensor(value, dtype=dtype)


def of_slow_path(inputs: tuple[Any, ...], attributes: tuple[Any, ...], out: Any) -> Flat:
    """The same for an op that went the slow path, where inputs are a flat list already."""
    flat = [t if isinstance(t, EagerTensor) else tf.convert_to_tensor(t) for t in inputs]
    return flat, attributes, outputs(out)
