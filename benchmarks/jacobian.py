"""Race gradlab.jacobian against JAX, PyTorch and TensorFlow's own Jacobians: medians, interleaved, first calls apart.

python benchmarks/jacobian.py           everything, about fifteen minutes on two cores; writes jacobian.md, .json, .svg
python benchmarks/jacobian.py --quick   T 50 and H 32 only, printed, nothing written

Every round times each method once, so that a busy moment hits all alike, in another order each time. A method that
takes under a tenth of a second is called once untimed before, so that it does not pay for what the one before left in
the cache. JAX is compiled with the weights as arguments and waited for; PyTorch runs on one thread (with more it is many
times slower at these sizes); TensorFlow's eager tape is called three times at most, for it takes seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from machine import copy_speed, floor_seconds, sgemm_speed
from networks import jax_forward, keras_layer, torch_forward

HERE = Path(__file__).parent
INPUTS = 10
ROUNDS = 11
POINT = [(kind, batch, 50, 32) for kind in ("rnn", "lstm", "gru", "norm") for batch in (1, 8)]
GRID = [
    (k, 1, t, h)
    for k in ("rnn", "lstm", "gru", "norm")
    for t, h in [
        (10, 8),
        (10, 32),
        (10, 128),
        (50, 8),
        (50, 128),
        (200, 8),
        (200, 32),
        (200, 128),
        (500, 8),
        (500, 32),
        (500, 128),
    ]
]


class Case:
    """One network, with the methods to race on it."""

    def __init__(self, kind: str, batch: int, steps: int, units: int, slow: bool) -> None:
        import jax

        from gradlab.jacobians import jacobian

        self.kind, self.batch, self.steps, self.units = kind, batch, steps, units
        self.x = np.random.default_rng(1).standard_normal((batch, steps, INPUTS)).astype("float32")
        self.layer = keras_layer(kind, units)
        self.layer.build(self.x.shape)
        weights = [jax.numpy.asarray(w) for w in self.layer.get_weights()]
        self.methods: dict[str, Callable[[], Any]] = {"gradlab": lambda: jacobian(self.layer, self.x).full}
        if slow:
            self.methods["gradlab norms"] = lambda: jacobian(self.layer, self.x).norms(progress=False)
        for mode in ("jacfwd", "jacrev"):
            if mode == "jacrev" and not slow:
                continue
            transform = getattr(jax, mode)(jax_forward(kind), argnums=1)
            compiled = jax.jit(jax.vmap(transform, in_axes=(None, 0)))
            self.methods[f"jax {mode}"] = lambda compiled=compiled: compiled(weights, self.x).block_until_ready()
        if slow and kind != "norm":
            self.methods["torch jacfwd"] = self._torch()
        if slow:
            self.methods["tape.jacobian"] = self._tape

    def _torch(self) -> Callable[[], Any]:
        import torch

        torch.set_num_threads(1)
        weights = [torch.tensor(w) for w in self.layer.get_weights()]
        x = torch.tensor(self.x)
        transform = torch.func.vmap(torch.func.jacfwd(torch_forward(self.kind), argnums=1), in_dims=(None, 0))
        return lambda: transform(weights, x)

    def _tape(self) -> Any:
        import tensorflow as tf

        x = tf.constant(self.x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            h = self.layer(x)
        return tape.batch_jacobian(h, x)

    def run(self) -> dict[str, Any]:
        """Medians and first calls in seconds, and the largest difference to gradlab's result."""
        first, times, results = {}, {name: [] for name in self.methods}, {}
        for name, call in self.methods.items():
            started = time.perf_counter()
            results[name] = call()
            first[name] = time.perf_counter() - started
            if name not in ("gradlab", "gradlab norms"):
                found = np.asarray(results.pop(name))
                tail = (slice(None), slice(-3, None))  # every input, the last outputs: where all errors have added up
                difference = float(
                    np.abs(found[tail] - results["gradlab"][tail]).max() / np.abs(results["gradlab"]).max()
                )
                if difference > 1e-4:
                    raise RuntimeError(
                        f"{name} and gradlab differ by {difference:.1e} on {self.kind}: not the same network"
                    )
                del found
        results.clear()
        for turn in range(ROUNDS if self.steps < 200 else 9):
            shift = turn % len(self.methods)
            for name, call in [*self.methods.items()][shift:] + [*self.methods.items()][:shift]:
                if name == "tape.jacobian" and turn >= 3:
                    continue
                if turn and times[name][-1] < 0.1:
                    call()
                started = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - started)
        return {
            "kind": self.kind,
            "batch": self.batch,
            "steps": self.steps,
            "units": self.units,
            "first": first,
            "median": {name: median(found) for name, found in times.items()},
            "calls": {name: len(found) for name, found in times.items()},
        }


FIRST = """
import sys, time
sys.path.insert(0, {here!r})
import tensorflow as tf
import numpy as np
from networks import keras_layer
layer = keras_layer({kind!r}, 32)
x = np.random.default_rng(0).standard_normal((1, 50, 10)).astype("float32")
layer(x)  # a learner has run the layer before
from gradlab.jacobians import jacobian
started = time.perf_counter()
jacobian(layer, x).full
print(time.perf_counter() - started)
"""

LARGE = """
import sys, time
sys.path.insert(0, {here!r})
import numpy as np
from networks import keras_layer
from gradlab.jacobians import jacobian
layer = keras_layer({kind!r}, 128)
x = np.random.default_rng(0).standard_normal((1, 500, 10)).astype("float32")
layer.build(x.shape)
times = []
for _ in range(3):
    started = time.perf_counter()
    jacobian(layer, x).norms()
    times.append(time.perf_counter() - started)
# not ru_maxrss, in which a process inherits the peak of the one that started it
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(sorted(times)[1], int(peak) * 1024)
"""


def fresh(code: str, kind: str, repeats: int) -> list[list[float]]:
    """Numbers printed by the code in processes of their own."""
    found = []
    for _ in range(repeats):
        made = subprocess.run(
            [sys.executable, "-c", code.format(here=str(HERE), kind=kind)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])},
        )
        found.append([float(n) for n in made.stdout.split()[-2 if code is LARGE else -1 :]])
    return found


def main() -> None:
    """Run, print, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="T 50 and H 32 only; nothing is written")
    parser.add_argument(
        "--rest", action="store_true", help="take the cases from jacobian.json and measure only the rest"
    )
    options = parser.parse_args()
    quick, saved = options.quick, HERE / "jacobian.json"
    cases: list[dict[str, Any]] = []
    if options.rest:
        cases = json.loads(saved.read_text(encoding="utf-8"))["cases"]
    todo = [] if options.rest else POINT if quick else POINT + GRID
    for number, (kind, batch, steps, units) in enumerate(todo):
        case = Case(kind, batch, steps, units, slow=number < len(POINT)).run()
        case["sgemm"], case["copy"], case["load"] = sgemm_speed(), copy_speed(), os.getloadavg()[0]
        case["floor"] = floor_seconds(kind, batch, steps, units, INPUTS, case["sgemm"], case["copy"])
        cases.append(case)
        if not quick:  # so that nothing is lost when the run is stopped: --rest goes on from here
            saved.write_text(json.dumps({"cases": cases}, indent=1) + "\n", encoding="utf-8")
        ours, theirs = case["median"]["gradlab"], case["median"]["jax jacfwd"]
        print(
            f"{kind:5} B {batch} T {steps:3} H {units:3}: {ours * 1e3:8.2f} ms, JAX jacfwd {theirs * 1e3:8.2f} ms, "
            f"ratio {ours / theirs:.2f}, {ours / case['floor']:.1f} times the machine's limit",
            flush=True,
        )
    found: dict[str, Any] = {"cases": cases}
    kinds = ("rnn", "lstm", "gru", "norm")
    found["first"] = {kind: median(n[0] for n in fresh(FIRST, kind, 3)) for kind in kinds}
    print("first call in a fresh process, s:", {k: round(v, 3) for k, v in found["first"].items()}, flush=True)
    if quick:
        return
    from gradlab.lab.jacobian_race import cost

    found["large"] = {kind: fresh(LARGE, kind, 1)[0] for kind in kinds}
    found["cost"] = {
        kind: [vars(c) for c in cost(keras_layer(kind, 32), (75, 150, 300, 600), features=4, repeats=5)]
        for kind in kinds
    }
    saved.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    from report import write

    write(found, HERE)


if __name__ == "__main__":
    main()
