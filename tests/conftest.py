"""Settings that every test shares."""

import gc
import os

import pytest

from gradlab.runtime.tf_environment import set_tf_defaults, silenced

if os.environ.get("GRADLAB_DEVICE", "/CPU:0") == "/CPU:0":
    # The tests expect a CPU's numbers. `GRADLAB_DEVICE=/GPU:0` runs all of them with the GPU; docs/limits.md says what then fails.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["GRADLAB_STRICT"] = "1"  # an exception in a panel is raised as well as shown
set_tf_defaults()
with silenced():
    import tensorflow as tf

    tf.constant(0.0) + 1.0


def pytest_collection_finish():
    """Half a million objects of TensorFlow, JAX and the tests stay: no collection needs to look through them (0.3 s each)."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Make `--dist loadgroup` group: pytest-xdist 3.8 writes the group where pytest 9.2 no longer reads it.

    Without it every worker starts its own JupyterLab and its own process of the other Keras (pytest-xdist issue 1386).
    """
    for item in items:
        written = getattr(item, "_nodeid", item.nodeid)
        if written != item.nodeid and hasattr(item, "_id"):
            item._id = type(item._id).parse(written)
