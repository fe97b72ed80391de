"""What `gradlab.Watch` costs: blocks of steps of a watched training beside blocks of a plain one, alternating.

    python benchmarks/watch.py [--pairs 15] [--steps 10] [--models 4] [--only lstm] [--fit]
    python benchmarks/watch.py --programs

Models of each kind are made alike, plain and watched, and their train functions are called directly, without what `fit`
does beside; with `--fit` each block is one call of `fit`. The order within a pair alternates. Two models that are alike
differ by several percent for as long as they live, by where their memory lies, so each comparison is made with `--models`
new pairs of them, `--pairs` blocks each. Printed: the median paired difference in percent of the plain block, with
quartiles; first that of plain beside plain, which says what cannot be resolved; last the median of each pair of models.

`--programs` trains the healthy and the broken programs of `tests/watch/programs.py` and prints which alarm each raises,
how many steps after the fault, and the share that is found.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

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


def fitter(make, every, **compiled):
    """The same by `fit`: what a user's training costs, with the callbacks and the reading of the data."""
    keras.utils.set_random_seed(0)
    model, x, y = make(**compiled)
    batches = tf.data.Dataset.from_tensors((x, y)).repeat().prefetch(4)
    callbacks = [] if every is None else [Watch(every, view=None)]
    return lambda n: model.fit(batches, steps_per_epoch=n, verbose=0, callbacks=callbacks)


def programs():
    """What `Watch` says of each program, as a table in Markdown."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "watch"))
    from programs import BROKEN, HEALTHY, right, watched

    warnings.simplefilter("ignore")  # Keras warns of missing gradients; the table tells them
    wrong = found = 0
    delays = []
    print(
        "| program | fault at step | alarm | for step | said at step | steps of delay |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name, make in HEALTHY.items():
        record = watched(make).record
        wrong += bool(record.alarms)
        said = ", ".join(a.rule for a in record.alarms) or f"none in {record.steps} steps"
        print(f"| {name} (healthy) | | {said} | | | |", flush=True)
    for name, program in BROKEN.items():
        alarm = right(program, watched(program.make).record.alarms)
        if alarm is None:
            print(f"| {name} | {program.begins} | not found | | | |", flush=True)
            continue
        found += 1
        delays.append(alarm.seen - program.begins)
        print(f"| {name} | {program.begins} | {alarm.rule} | {alarm.step} | {alarm.seen} | {delays[-1]} |", flush=True)
    print(
        f"\n{len(HEALTHY)} healthy programs, {wrong} with an alarm; {found} of {len(BROKEN)} broken programs found "
        f"({found / len(BROKEN):.0%}), median delay {statistics.median(delays):.0f} steps, at most {max(delays)}"
    )


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
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--models", type=int, default=4, help="pairs of models for each line")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", choices=["lstm", "transformer"])
    parser.add_argument("--jit", choices=["both", "no", "yes"], default="both")
    parser.add_argument("--fit", action="store_true", help="each block is one call of fit")
    parser.add_argument("--programs", action="store_true", help="the healthy and the broken programs instead")
    given = parser.parse_args()
    if given.programs:
        return programs()
    made = fitter if given.fit else stepper
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} logical CPUs, load average {load:.1f}; each block has {given.steps} steps")
    print(
        f"TensorFlow {tf.__version__}; median paired difference in percent [quartiles], {given.models} x {given.pairs} pairs"
    )
    for make in (lstm, transformer):
        if given.only not in (None, make.__name__):
            continue
        for jit in {"both": (False, True), "no": (False,), "yes": (True,)}[given.jit]:
            for every in (None, 1, 10):
                found, each, step = [], [], 0.0
                for _ in range(given.models):
                    plain, other = made(make, None, jit_compile=jit), made(make, every, jit_compile=jit)
                    more, step = pairs(plain, other, given.pairs, given.steps)
                    found += more
                    each.append(statistics.median(more))
                low, middle, high = statistics.quantiles(found, n=4)
                what = "plain beside plain" if every is None else f"every={every}"
                kind = "XLA" if jit else "graph"
                print(
                    f"{make.__name__:12} {kind:6} {step:6.2f} ms  {what:19} {middle:+5.1f} [{low:+.1f}, {high:+.1f}]"
                    f"   {' '.join(f'{m:+.1f}' for m in each)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
