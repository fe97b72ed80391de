"""What `gradlab.Watch` costs: blocks of steps of a watched training beside blocks of a plain one, alternating.

    python benchmarks/watch.py [--pairs 30] [--steps 10] [--only lstm]

Two models of each kind are made alike, plain and watched, and their train functions are called directly, without what
`fit` does beside. The order within a pair alternates. Printed: the median paired difference in percent of the plain
block, with quartiles; first that of plain beside plain, which says what cannot be resolved.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import tensorflow as tf

from gradlab.watch import Watch

keras = tf.keras


def lstm(**compiled):
    model = keras.Sequential([keras.Input((50, 16)), keras.layers.LSTM(64), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", **compiled)
    return model, np.random.randn(32, 50, 16).astype("f"), np.random.randn(32, 1).astype("f")


def transformer(**compiled):
    given = keras.Input((32, 64))
    h = given
    for _ in range(2):
        h = keras.layers.LayerNormalization()(h + keras.layers.MultiHeadAttention(4, 16)(h, h))
        h = keras.layers.LayerNormalization()(h + keras.layers.Dense(64)(keras.layers.Dense(256, "relu")(h)))
    model = keras.Model(given, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(h)))
    model.compile(optimizer="adam", loss="mse", **compiled)
    return model, np.random.randn(32, 32, 64).astype("f"), np.random.randn(32, 1).astype("f")


def stepper(make, every, **compiled):
    """A function that takes n steps; `every` None is a plain training."""
    keras.utils.set_random_seed(0)
    model, x, y = make(**compiled)
    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat().prefetch(4))
    if every is None:
        model.make_train_function()

        def steps(n):
            for _ in range(n):
                model.train_function(batches)

        return steps
    watch = Watch(every, view=None)
    watch.set_model(model)
    model.make_train_function()
    watch.on_train_begin()

    def watched(n):
        for _ in range(n):
            watch.on_train_batch_begin(0)
            model.train_function(batches)

    return watched


def pairs(plain, other, count, steps):
    """Paired differences in percent, and the plain block's milliseconds for one step."""
    plain(5), other(5)
    found, times = [], []
    for n in range(count):
        took = {}
        for name in ("plain", "other") if n % 2 else ("other", "plain"):
            start = time.perf_counter()
            (plain if name == "plain" else other)(steps)
            took[name] = time.perf_counter() - start
        found.append(100 * (took["other"] / took["plain"] - 1))
        times.append(1000 * took["plain"] / steps)
    return found, statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", choices=["lstm", "transformer"])
    parser.add_argument("--jit", choices=["both", "no", "yes"], default="both")
    given = parser.parse_args()
    print(f"TensorFlow {tf.__version__}; median paired difference in percent [quartiles], {given.pairs} pairs")
    for make in (lstm, transformer):
        if given.only not in (None, make.__name__):
            continue
        for jit in {"both": (False, True), "no": (False,), "yes": (True,)}[given.jit]:
            plain = stepper(make, None, jit_compile=jit)
            for every in (None, 1, 10):
                other = stepper(make, every, jit_compile=jit)
                found, step = pairs(plain, other, given.pairs, given.steps)
                low, middle, high = statistics.quantiles(found, n=4)
                what = "plain beside plain" if every is None else f"every={every}"
                kind = "XLA" if jit else "graph"
                print(
                    f"{make.__name__:12} {kind:6} {step:6.2f} ms  {what:19} {middle:+5.1f} [{low:+.1f}, {high:+.1f}]",
                    flush=True,
                )


if __name__ == "__main__":
    main()
