"""The devices of this machine, by the names that people write."""

from __future__ import annotations

import tensorflow as tf


def check_device(device: str) -> str:
    """The device, if this machine has it. TensorFlow itself would quietly use another one.

    Raises ValueError naming the devices that there are.
    """
    wanted = device.upper().lstrip("/").removeprefix("DEVICE:")
    have = [d.name.removeprefix("/device:") for d in tf.config.list_logical_devices()]
    if wanted not in have:
        raise ValueError(f"There is no device `{device}` here. There are: {', '.join('/' + name for name in have)}.")
    return "/" + wanted
