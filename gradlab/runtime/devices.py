"""The devices of this machine, by the names that people write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Multiply float32 matrices in float32 while the block runs.

    On recent NVIDIA GPUs TensorFlow rounds the factors of a matrix product to TF32, which keeps 10 of the 23 bits. On an H100
    the Jacobian of a cell of one's own was then off by 1e-3, in float32 by 1e-6. On a CPU nothing changes.
    """
    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


def check_device(device: str) -> str:
    """The device, if this machine has it. TensorFlow itself would quietly use another one.

    Raises ValueError naming the devices that there are.
    """
    wanted = device.upper().lstrip("/").removeprefix("DEVICE:")
    have = [d.name.removeprefix("/device:") for d in tf.config.list_logical_devices()]
    if wanted not in have:
        raise ValueError(f"There is no device `{device}` here. There are: {', '.join('/' + name for name in have)}.")
    return "/" + wanted
