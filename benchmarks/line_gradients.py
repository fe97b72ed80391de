"""What line gradients cost, beside the plain step and `gradlab.explain(level="quick")`, side by side in one run.

    python benchmarks/line_gradients.py [--rounds 9] [--steps 30]

One step of a next-character model: an LSTM cell stepped by hand. Each round runs every row once, in turn; medians, and
each as a ratio to the step with its gradient.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from gradlab.runtime.tf_environment import set_tf_defaults, silenced

set_tf_defaults()
with silenced():
    import tensorflow as tf

import gradlab  # noqa: E402


def model(steps: int, units: int = 24) -> tuple[Callable[[], tf.Tensor], list[tf.Variable]]:
    """The loss function and its variables."""
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.LSTMCell(units)
    cell.build((4, 8))
    table = tf.Variable(tf.random.normal((30, 8), stddev=0.1), name="table")
    out = tf.Variable(tf.random.normal((units, 30), stddev=0.1), name="out")
    ids = tf.constant([[(7 * t + b) % 30 for t in range(steps + 1)] for b in range(4)])

    def loss() -> tf.Tensor:
        h = c = tf.zeros((4, units))
        outputs = []
        for t in range(steps):
            x = tf.gather(table, ids[:, t])
            h, [h, c] = cell(x, [h, c])
            outputs.append(h)
        logits = tf.einsum("btu,uv->btv", tf.stack(outputs, axis=1), out)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits)
        return tf.reduce_mean(each)

    return loss, [table, *cell.trainable_weights, out]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=30)
    chosen = parser.parse_args()
    loss, variables = model(chosen.steps)

    def step() -> None:
        with tf.GradientTape() as tape:
            value = loss()
        tape.gradient(value, variables)

    rows: dict[str, Callable[[], object]] = {
        "forward": loss,
        "forward and gradient": step,
        "line_gradients": lambda: gradlab.line_gradients(loss, variables),
        "line_gradients, as data": lambda: gradlab.line_gradients(loss, variables).to_dict(),
        "line_gradients, as text": lambda: repr(gradlab.line_gradients(loss, variables)),
        'explain(level="quick")': lambda: gradlab.explain(loss, variables, level="quick"),
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for n in range(chosen.rounds + 1):
        for name, run in rows.items():
            start = time.perf_counter()
            run()
            if n:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    base = statistics.median(times["forward and gradient"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:28} {1000 * middle:8.1f} ms  {middle / base:5.2f} x")
    quick = statistics.median(times['explain(level="quick")'])
    ratio = statistics.median(times["line_gradients"]) / quick
    print(f'line_gradients takes {ratio:.2f} of explain(level="quick")')


if __name__ == "__main__":
    main()
