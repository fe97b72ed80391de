"""Hold a scenario's float64 gradients against those of its JAX twin, with the weights copied.

- `gaps`: for every source, the largest difference between the two gradients, relative to the gradient's size.
"""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from .differences import Run, called
from .double import doubled, variables_of


def gaps(scenario, twin):
    """{source: relative gap} with the switch off, and the relative gap of the loss under the name "loss"."""
    import jax

    jax.config.update("jax_enable_x64", True)
    with doubled(scenario):
        run = Run(scenario, False, called(scenario, [False]), [False])
        values = {name: np.asarray(source) for name, source in run.sources.items()}
        things = SimpleNamespace(**{name: _numbers(thing) for name, thing in run.things.items()})
        loss = np.asarray(twin(values, things))
        derivative = jax.jacobian if loss.shape else jax.grad
        jacobian = derivative(lambda w: twin(w, things))(values)
    # A tensor may stand under two names; the twin uses one of them, and the gradient is that of both.
    of = {id(source): name for name, source in reversed(run.sources.items())}
    found = {"loss": _gap(np.asarray(run.loss), loss)}
    for name, gradient in run.gradients.items():
        whole = np.asarray(jacobian[name])
        if not whole.any():
            whole = np.asarray(jacobian[of[id(run.sources[name])]])
        found[name] = _gap(gradient, _as(gradient.shape, whole, loss.shape, values[name].shape))
    return found


def _numbers(thing):
    if isinstance(thing, list | tuple):
        return [_numbers(part) for part in thing]
    if isinstance(thing, tf.Tensor):
        return np.asarray(thing)
    arrays = [np.asarray(variable) for variable in variables_of(thing)]
    arrays = [array for array in arrays if array.dtype == np.float64]  # not the states of random generators
    return arrays[0] if hasattr(thing, "assign") else arrays or thing


def _as(shape, whole, loss, source):
    """The part of the whole Jacobian, of shape loss + source, that a gradient of `shape` is."""
    if shape == loss + source:
        return whole
    if shape == source:
        return whole.sum(tuple(range(len(loss))))
    if shape == loss + source[1:]:
        return np.einsum("bub...->bu...", whole)
    if shape == loss + source[2:]:
        return np.einsum("btubti->btui", whole)
    raise TypeError(f"A gradient of shape {shape} is no part of a Jacobian of shape {loss} + {source}.")


def _gap(ours, theirs):
    size = max(float(np.linalg.norm(theirs)), float(np.linalg.norm(ours)), 1e-9)
    return float(np.linalg.norm(np.asarray(ours) - theirs)) / size
