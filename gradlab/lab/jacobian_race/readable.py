"""Four ways to the Jacobians of an RNN, short enough to read: one wrong, three right, and what each costs.

B batch, T steps, H units, I inputs. Gradients in TensorFlow are vector-Jacobian products: `tape.gradient(y, x)` is the
gradient of the *sum* of y, so a Jacobian takes one backward pass per output, unless the structure of a recurrence is
used.
"""

from typing import Any

import numpy as np


def folk_loop(layer: Any, x: Any) -> Any:
    """The loop often recommended: (B, T, I), not (B, T, H, I), because each gradient is summed over the H units.

    Right for "how does the sum of all units at step t move with x_t", wrong for the Jacobian. Cost: T forward passes
    and T backward passes through up to T steps, so T² steps of work, for a diagonal that is not even the Jacobian's.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    rows = []
    for t in range(x.shape[1]):
        with tf.GradientTape() as tape:
            tape.watch(x)
            h_t = layer(x)[:, t]
        rows.append(tape.gradient(h_t, x)[:, t])
    return tf.stack(rows, 1)


def jacobian_per_step(layer: Any, x: Any) -> Any:
    """Correct and slow: `batch_jacobian` of h_t for every step t: (B, T, H, T, I).

    One forward pass and one traced Jacobian per step; each is H backward passes through up to T steps: H T² steps of
    work, and most of the waiting is for tracing the same thing T times.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    rows = []
    for t in range(x.shape[1]):
        with tf.GradientTape() as tape:
            tape.watch(x)
            h_t = layer(x)[:, t]
        rows.append(tape.batch_jacobian(h_t, x))
    return tf.stack(rows, 1)


def jacobian_at_once(layer: Any, x: Any) -> Any:
    """Correct, one line: `batch_jacobian` of the whole output sequence: (B, T, H, T, I). H T backward passes through T
    steps.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = layer(x)
    return tape.batch_jacobian(h, x)


def jacobian_structured(layer: Any, x: Any) -> np.ndarray:
    """Correct and fast, for a tanh SimpleRNN: (B, T, H, T, I) from the local Jacobians of its steps.

    h_t = tanh(W' x_t + U' h_{t-1} + b), so a small change obeys dh_t = D_t (W' dx_t + U' dh_{t-1}) with D_t = diag(1 -
    h_t²). Hence d h_t / d x_t = D_t W' and, for s < t, d h_t / d x_s = D_t U' d h_{t-1} / d x_s: one small matrix
    product per step carries all earlier columns on at once. One forward pass and T products, T² multiplications in all,
    and no tape.
    """
    W, U, b = (np.asarray(v) for v in layer.get_weights())
    x = np.asarray(x, W.dtype)
    B, T, I = x.shape  # noqa: E741
    h, full = np.zeros((B, len(U)), x.dtype), np.zeros((B, T, len(U), T, I), x.dtype)
    for t in range(T):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        slope = 1 - h[:, :, None] ** 2
        if t:
            before = full[:, t - 1, :, :t].reshape(B, len(U), t * I)
            full[:, t, :, :t] = ((slope * U.T) @ before).reshape(B, len(U), t, I)
        full[:, t, :, t] = slope * W.T
    return full
