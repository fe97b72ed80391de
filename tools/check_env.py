"""The last step of tools/env.py, run by the new environment's own Python: one TensorFlow, and it differentiates."""

import compileall
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What a kernel, the lab and the tests import: their first import writes Python's compiled files.
STARTED_OFTEN = (
    "tf_keras ipykernel.kernelapp ipywidgets anywidget matplotlib.pyplot jupyterlab.labapp jupyter_server.serverapp nbclient "
    "nbformat jupytext papermill _pytest.config nbval.plugin xdist.plugin playwright.sync_api jax"
).split()


def compile_all() -> None:
    """Have Python's compiled files of what is started often, so that no later start pays for it."""
    compileall.compile_dir(Path(__file__).parents[1] / "gradlab", quiet=2)
    for name in STARTED_OFTEN:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            try:
                importlib.import_module(name)
            except Exception as error:  # it is not needed here; whoever needs it will say so in full
                print(f"gradlab: {name} can't be imported ({type(error).__name__}: {error})")


def main() -> None:
    names = {found.metadata["Name"].lower().replace("_", "-") for found in importlib.metadata.distributions()}
    builds = sorted(names & {"tensorflow", "tensorflow-cpu"})
    if len(builds) != 1:
        sys.exit(f"gradlab: expected one build of TensorFlow in the environment, found {builds}; try: make clean env")

    import keras
    import matplotlib.font_manager  # noqa: F401  (its first import writes the font cache)
    import numpy
    import tensorflow as tf

    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    found = float(tape.gradient(y, x))
    if found != 6.0:
        sys.exit(f"gradlab: TensorFlow computes d(x*x)/dx at 3 as {found}, not 6")
    compile_all()
    print(
        f"gradlab: ready: {builds[0]} {tf.__version__}, Keras {keras.__version__}, NumPy {numpy.__version__},"
        f" Python {sys.version.split()[0]}"
    )


if __name__ == "__main__":
    main()
