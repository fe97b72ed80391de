"""The last step of tools/env.py, run by the new environment's own Python: one TensorFlow, and it differentiates."""

import importlib.metadata
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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
    print(
        f"gradlab: ready: {builds[0]} {tf.__version__}, Keras {keras.__version__}, NumPy {numpy.__version__},"
        f" Python {sys.version.split()[0]}"
    )


if __name__ == "__main__":
    main()
