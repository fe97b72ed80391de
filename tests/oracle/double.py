"""Run a scenario, unchanged, in float64: its module sees a TensorFlow whose floats are all twice as long.

- `doubled`: inside this block the scenario's `setup` and `run` compute in float64.
- `same_weights`: the float64 things with the numbers of the float32 ones.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import types

import numpy as np
import tensorflow as tf


class Doubled:
    """A module of TensorFlow as a scenario sees it: float32 is float64, and so is whatever a function returns."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if found is tf.float32:
            return tf.float64
        if found is tf.Variable:
            return lambda value, *rest, **options: tf.Variable(_longer(tf.convert_to_tensor(value)), *rest, **options)
        if isinstance(found, types.ModuleType) or type(found).__name__ == "KerasLazyLoader":
            return Doubled(found)
        if isinstance(found, type) and issubclass(found, tf.keras.initializers.Initializer):
            return lambda *args, **options: _Longer(found(*args, **options))
        if isinstance(found, type) or not callable(found):
            return found

        @functools.wraps(found)
        def call(*args, **options):
            if options.get("dtype") == "float32":
                options["dtype"] = "float64"
            return tf.nest.map_structure(_longer, found(*args, **options))

        return call


class _Longer(tf.keras.initializers.Initializer):
    """An initializer that draws the same numbers in every type."""

    def __init__(self, single):
        self.single = single

    def __call__(self, shape, dtype=None, **options):
        return tf.cast(self.single(shape, dtype="float32", **options), tf.float64)


def _longer(value):
    return tf.cast(value, tf.float64) if isinstance(value, tf.Tensor) and value.dtype == tf.float32 else value


@contextlib.contextmanager
def doubled(scenario):
    """Float64 for Keras (default float type and dtype policy) and for the `tf` that the scenario's file has imported."""
    module = importlib.import_module(scenario.setup.__module__)
    before = module.tf
    _keras_floats("float64")
    module.tf = Doubled(tf)
    try:
        yield
    finally:
        module.tf = before
        _keras_floats("float32")


def _keras_floats(name: str) -> None:
    tf.keras.backend.set_floatx(name)
    if hasattr(tf.keras, "config"):
        tf.keras.config.set_dtype_policy(name)
    else:
        tf.keras.mixed_precision.set_global_policy(name)


def same_weights(single, double):
    """`double` with every tensor and variable set to the value in `single`; both are what `setup` returned.

    The numbers that an initializer draws depend on the type they are drawn in, so they are copied, not drawn again.
    """
    if isinstance(single, dict):
        return {key: same_weights(single[key], double[key]) for key in single}
    if isinstance(single, list | tuple):
        return type(double)(same_weights(a, b) for a, b in zip(single, double, strict=True))
    if isinstance(single, tf.Tensor):
        return tf.cast(single, double.dtype)
    for a, b in zip(variables_of(single), variables_of(double), strict=True):
        if "float" in str(getattr(b.dtype, "name", b.dtype)):
            b.assign(np.asarray(a, "float64"))
    return double


def variables_of(thing) -> list:
    """The variables of a layer, a model or any object: those it lists and raw ones among its attributes; a variable itself."""
    if hasattr(thing, "assign"):
        return [thing]
    listed = list(getattr(thing, "variables", ()))
    hidden = [v for v in getattr(thing, "__dict__", {}).values() if isinstance(v, tf.Variable)]
    return listed + [v for v in hidden if not any(v is other for other in listed)]
