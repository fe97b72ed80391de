"""The few array operations that the Jacobians are written in, once for NumPy and once for TensorFlow.

NumPy is the default: on a CPU it has the least to say per operation (about a microsecond, against ten or more for an
eager TensorFlow operation), and no tracing. TensorFlow is for a named device, where everything then stays.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gradlab.jacobians.threads import one_blas_thread

Array = Any  # numpy.ndarray, or tf.Tensor when a device was named

ZERO_EXPONENT = -(1 << 20)  # the binary exponent of a block that is exactly zero: below every other


def _tf_variable(variable: Any) -> Any:
    """The eager TensorFlow variable that a Keras 3 variable holds, or that a legacy Keras one is; None if it is another
    kind.
    """
    held = variable.value if not callable(getattr(variable, "value", None)) else variable
    return held if type(held).__name__ == "ResourceVariable" else None


class NumpyOps:
    """NumPy on the CPU."""

    name = "numpy"
    exp: Any = staticmethod(np.exp)
    log: Any = staticmethod(np.log)
    tanh: Any = staticmethod(np.tanh)
    absolute: Any = staticmethod(np.abs)
    sqrt: Any = staticmethod(np.sqrt)
    where: Any = staticmethod(np.where)
    maximum: Any = staticmethod(np.maximum)
    minimum: Any = staticmethod(np.minimum)
    isfinite: Any = staticmethod(np.isfinite)
    floor: Any = staticmethod(np.floor)
    eigvalsh: Any = staticmethod(np.linalg.eigvalsh)
    transpose: Any = staticmethod(np.transpose)
    reshape: Any = staticmethod(np.reshape)
    flip: Any = staticmethod(np.flip)

    def scope(self) -> AbstractContextManager[Any]:
        """Where operations run: here, no product split over cores (threads.py says why)."""
        return one_blas_thread()

    def asarray(self, value: Any, dtype: str) -> Array:
        return np.asarray(value, dtype=dtype)

    def weights(self, variable: Any) -> Array:
        """A layer's variable as it is now."""
        held = _tf_variable(variable)
        if held is None:
            return variable.numpy()
        import tensorflow as tf

        # a third of the time of variable.numpy(), and a small network has little else to do
        return np.asarray(tf.raw_ops.ReadVariableOp(resource=held.handle, dtype=held.dtype))

    def cast(self, x: Array, dtype: str) -> Array:
        return x.astype(dtype, copy=False)

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return np.concatenate(parts, axis=axis)

    def stack(self, parts: Sequence[Array], axis: int) -> Array:
        return np.stack(parts, axis=axis)

    def over_time(self, parts: Sequence[Array]) -> Array:
        """One (B, n) array per step to (B, T, n)."""
        whole = np.concatenate(parts).reshape(len(parts), *parts[0].shape)
        return np.ascontiguousarray(whole.swapaxes(0, 1))

    def zeros(self, shape: Sequence[int], dtype: str) -> Array:
        return np.zeros(shape, dtype)

    def eye(self, n: int, dtype: str) -> Array:
        return np.eye(n, dtype=dtype)

    def amax(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.max(axis=axes)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.sum(axis=axes)

    def take(self, table: Array, index: Array) -> Array:
        return table[index]


class TensorflowOps:
    """Eager TensorFlow on one device; nothing leaves it."""

    name = "tensorflow"

    def __init__(self, device: str) -> None:
        import tensorflow as tf

        self.device = device
        self._tf = tf
        self.exp, self.log, self.tanh, self.absolute = tf.exp, tf.math.log, tf.tanh, tf.abs
        self.sqrt, self.where, self.maximum, self.minimum = tf.sqrt, tf.where, tf.maximum, tf.minimum
        self.isfinite, self.floor, self.eigvalsh = tf.math.is_finite, tf.floor, tf.linalg.eigvalsh
        self.transpose, self.reshape = tf.transpose, tf.reshape

    def scope(self) -> AbstractContextManager[Any]:
        """Where operations run: on the device, new constants too."""
        return self._tf.device(self.device)

    def flip(self, x: Array, axis: int) -> Array:
        return self._tf.reverse(x, [axis])

    def asarray(self, value: Any, dtype: str) -> Array:
        return self._tf.cast(self._tf.convert_to_tensor(value), dtype)

    def weights(self, variable: Any) -> Array:
        """A layer's variable as it is now."""
        return variable.value if not callable(variable.value) else variable.value()

    def cast(self, x: Array, dtype: str) -> Array:
        return self._tf.cast(x, dtype)

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return self._tf.concat(list(parts), axis)

    def stack(self, parts: Sequence[Array], axis: int) -> Array:
        return self._tf.stack(list(parts), axis)

    def over_time(self, parts: Sequence[Array]) -> Array:
        """One (B, n) tensor per step to (B, T, n)."""
        return self._tf.stack(list(parts), 1)

    def zeros(self, shape: Sequence[int], dtype: str) -> Array:
        return self._tf.zeros(list(shape), dtype)

    def eye(self, n: int, dtype: str) -> Array:
        return self._tf.eye(n, dtype=dtype)

    def amax(self, x: Array, axes: tuple[int, ...]) -> Array:
        return self._tf.reduce_max(x, axis=axes)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        return self._tf.reduce_sum(x, axis=axes)

    def take(self, table: Array, index: Array) -> Array:
        return self._tf.gather(table, index)


Ops = NumpyOps | TensorflowOps
