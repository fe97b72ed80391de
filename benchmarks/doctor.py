"""What the doctor costs: each way beside a plain tape, in one run.

`make bench-doctor` prints, as ratios of medians over blocks that alternate plain and recorded:

- an eager LSTM and GRU step under gradlab.Tape (at most 1.15 wanted), with the optimizer's step;
- the same step in a tf.function (at most 1.03);
- a script of 300 compiled steps under `gradlab explain` and alone (at most 1.10): the script's own time from its first
  line to its last;
- the time of a report on a recorded call of about 1,000 ops (at most 0.5 s), the median of several;
- resident memory after 200 and after 2,000 recorded steps.

Times on a busy machine scatter by some percent; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import gradlab

SCRIPT = """import time
started = time.perf_counter()
import tensorflow as tf, keras
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((12, 8)), keras.layers.LSTM(16, return_sequences=True), keras.layers.GRU(16),
                          keras.layers.Dense(4)])
optimizer = keras.optimizers.Adam()
x, y = tf.random.normal((16, 12, 8)), tf.random.normal((16, 4))

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(slopes, model.trainable_variables))
    return loss

step(x, y)
started = time.perf_counter()
for _ in range(300):
    loss = step(x, y)
print("SECONDS", time.perf_counter() - started, float(loss))
"""


def network(steps: int = 12) -> tuple[Any, Any, Any, Any]:
    """An LSTM and a GRU over some steps of 8 features, a batch of 16, and Adam."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((steps, 8)),
            keras.layers.LSTM(16, return_sequences=True),
            keras.layers.GRU(16),
            keras.layers.Dense(4),
        ]
    )
    return model, keras.optimizers.Adam(), tf.random.normal((16, steps, 8)), tf.random.normal((16, 4))


def stepper(Tape: Any) -> Callable[[], Any]:
    """A training step with this class of tape."""
    model, optimizer, x, y = network()

    def step() -> Any:
        with Tape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        return loss

    return step


def seconds(step: Callable[[], Any], times: int) -> float:
    """Seconds for that many steps."""
    started = time.perf_counter()
    for _ in range(times):
        step()
    return time.perf_counter() - started


def ratio(plain: Callable[[], Any], ours: Callable[[], Any], blocks: int, times: int) -> tuple[float, float, float]:
    """Ratio of the medians, and both medians per step in milliseconds; blocks alternate."""
    for step in (plain, ours, plain, ours):
        step()
    found: tuple[list[float], list[float]] = ([], [])
    for block in range(blocks):
        for which in (0, 1) if block % 2 else (1, 0):
            found[which].append(seconds((plain, ours)[which], times) / times)
    a, b = (statistics.median(f) for f in found)
    return b / a, a * 1e3, b * 1e3


def report_seconds() -> tuple[float, int]:
    """Seconds for the report on one recorded call of about 1,000 ops, and the number of ops."""
    model, _, x, y = network(steps=9)
    with gradlab.Tape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2) + tf.reduce_mean((model(2.0 * x) - y) ** 2)
    tape.gradient(loss, model.trainable_variables)
    started = time.perf_counter()
    report = tape.report()
    return time.perf_counter() - started, report.ops


def memory() -> int:
    """Resident memory in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


def script_seconds(command: list[str], path: Path) -> tuple[float, str]:
    """What the script says of its own time, and its last loss."""
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    line = next((t for t in done.stdout.splitlines() if t.startswith("SECONDS")), None)
    if line is None:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    _, elapsed, loss = line.split()
    return float(elapsed), loss


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=9, help="blocks of each kind (default 9)")
    parser.add_argument("--steps", type=int, default=2000, help="steps of the memory test (default 2000)")
    chosen = parser.parse_args()
    for name, wrap, times, limit in (("eager step", lambda f: f, 10, 1.15), ("compiled step", tf.function, 100, 1.03)):
        found = ratio(wrap(stepper(tf.GradientTape)), wrap(stepper(gradlab.Tape)), chosen.blocks, times)
        print(f"{name:34} {found[0]:6.3f} x   plain {found[1]:7.2f} ms, Tape {found[2]:7.2f} ms   (wanted {limit})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.py"
        path.write_text(SCRIPT)
        plain, ours = [sys.executable], [sys.executable, "-m", "gradlab.cli", "explain"]
        pairs = [(script_seconds(plain, path), script_seconds(ours, path)) for _ in range(max(3, chosen.blocks // 3))]
    a, b = (statistics.median(p[i][0] for p in pairs) for i in (0, 1))
    same = "same loss" if len({p[i][1] for p in pairs for i in (0, 1)}) == 1 else "DIFFERENT LOSSES"
    print(
        f"{'gradlab explain, 300 compiled steps':34} {b / a:6.3f} x   alone {a:.2f} s, explained {b:.2f} s, {same}   (wanted 1.1)"
    )
    first, *others = (report_seconds() for _ in range(max(3, chosen.blocks)))
    median = statistics.median(t for t, _ in others)
    print(f"{'report on demand':34} {median:6.2f} s   for {first[1]} ops, the first {first[0]:.2f} s   (wanted 0.5)")
    w = tf.Variable(tf.ones((64, 64)))

    def small() -> None:
        with gradlab.Tape() as tape:
            h = w
            for _ in range(20):
                h = tf.tanh(h @ w)
            total = tf.reduce_sum(h)
        tape.gradient(total, w)

    seconds(small, chosen.steps // 10)
    first = memory()
    seconds(small, chosen.steps - chosen.steps // 10)
    print(f"{'memory':34} {first} MB after {chosen.steps // 10} steps, {memory()} MB after {chosen.steps}")


if __name__ == "__main__":
    main()
