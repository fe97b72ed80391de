"""Write the benchmark's table (jacobian.md) and plot (jacobian.svg) from its figures (jacobian.json)."""

import json
import platform
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

COMMAND = "python benchmarks/jacobian.py"
NAMES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "norm": "custom cell"}


def write(found: dict[str, Any], folder: Path) -> None:
    """Both files."""
    (folder / "jacobian.md").write_text("\n".join(_lines(found)) + "\n", encoding="utf-8")
    _plot(found, folder / "jacobian.svg")


def _load(found: dict[str, Any]) -> str:
    loads = [case["load"] for case in found["cases"] if "load" in case] or found.get("load", [])
    return f"Load average of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}. " if loads else ""


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1e3:,.2f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [
        "# Jacobians of recurrent layers: how fast",
        "",
        f"Made by `{COMMAND}`, which writes this file, `jacobian.json` and `jacobian.svg`; the figures are from its "
        f"run on "
        f"{platform.machine()} {platform.system()}, Python {platform.python_version()}, TensorFlow "
        f"{version(packages_distributions()['tensorflow'][0])}, "
        f"JAX {version('jax')}, PyTorch {version('torch')}. float32, 10 inputs.",
        "",
        "Medians in milliseconds of at least 9 calls (eager `tape.batch_jacobian`: 3), all methods called in turn in "
        "one process; "
        "the first call is apart. " + _load(found) + "The full tensor d h_t / d x_s, (B, T, H, T, I), from weights and "
        "inputs to the last "
        "number.",
        "",
        "## T 50, H 32: against the others",
        "",
        "| layer | B | gradlab | JAX jacfwd | JAX jacrev | torch jacfwd | eager tape | / jacfwd | / jacrev | / torch | "
        "/ tape "
        "| / machine's limit | T x T norms |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in found["cases"]:
        if (case["steps"], case["units"]) == (50, 32):
            lines.append(_point(case))
    lines += [
        "",
        "A ratio of 0.5 means half of that method's time. The machine's limit: the products of the recurrence at the "
        "speed of a large "
        "float32 product, and the half of the tensor that is not zero written at the speed of a copy, both measured "
        "beside each case.",
        "",
        "## Other sizes, B 1",
        "",
        "| layer | T | H | gradlab | JAX jacfwd | / jacfwd | / machine's limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in found["cases"]:
        if (case["steps"], case["units"]) != (50, 32):
            ours, theirs = case["median"]["gradlab"], case["median"]["jax jacfwd"]
            lines.append(
                f"| {NAMES[case['kind']]} | {case['steps']} | {case['units']} | {_ms(ours)} | {_ms(theirs)} "
                f"| {ours / theirs:.2f} | {ours / case['floor']:.1f} |"
            )
    return lines + _rest(found)


def _rest(found: dict[str, Any]) -> list[str]:
    """First calls, large maps and growth, as far as they were measured."""
    lines: list[str] = []
    if "first" in found:
        lines += [
            "",
            "## First call",
            "",
            "In a fresh process that has run the layer itself before (T 50, H 32, B 1).",
            "",
        ]
        lines += ["| layer | s |", "|---|---|"]
        lines += [f"| {NAMES[kind]} | {seconds:.3f} |" for kind, seconds in found["first"].items()]
    if "large" in found:
        lines += [
            "",
            "## The map of norms, T 500, H 128, B 1",
            "",
            "| layer | s | memory of its process, GB |",
            "|---|---|---|",
        ]
        lines += [f"| {NAMES[kind]} | {s:.2f} | {memory / 1e9:.2f} |" for kind, (s, memory) in found["large"].items()]
    if "cost" in found:
        lines += [
            "",
            "## Growth with T",
            "",
            "Exponent k of seconds = c T^k, fitted to T 300 and 600, H 32, 4 inputs, B 1.",
            "",
        ]
        lines += ["| layer | full | norms | diagonal | step |", "|---|---|---|---|---|"]
        for kind, costs in found["cost"].items():
            lines.append(f"| {NAMES[kind]} | " + " | ".join(f"{c['exponent']:.2f}" for c in costs) + " |")
    return lines


def _point(case: dict[str, Any]) -> str:
    times = case["median"]
    ours = times["gradlab"]
    others = [times.get(name) for name in ("jax jacfwd", "jax jacrev", "torch jacfwd", "tape.jacobian")]
    ratios = ["" if t is None else f"{ours / t:.2g}" for t in others]
    columns = [
        NAMES[case["kind"]],
        str(case["batch"]),
        _ms(ours),
        *map(_ms, others),
        *ratios,
        f"{ours / case['floor']:.1f}",
    ]
    return "| " + " | ".join([*columns, _ms(times["gradlab norms"])]) + " |"


def _plot(found: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    grown = "cost" in found
    figure = Figure(figsize=(11 if grown else 6, 4.2), layout="constrained")
    left, *others = figure.subplots(1, 2 if grown else 1, squeeze=False)[0]
    names = ["gradlab", "jax jacfwd", "jax jacrev", "torch jacfwd", "tape.jacobian"]
    cases = [c for c in found["cases"] if (c["batch"], c["steps"], c["units"]) == (1, 50, 32)]
    for k, (name, hatch) in enumerate(zip(names, ["", "//", "\\\\", "..", "xx"], strict=True)):
        shown = [(n, c["median"][name]) for n, c in enumerate(cases) if name in c["median"]]
        left.bar(
            [n + 0.16 * (k - 2) for n, _ in shown],
            [1e3 * t for _, t in shown],
            0.15,
            label=name,
            hatch=hatch,
            edgecolor="white",
        )
    left.set_xticks(range(len(cases)), [NAMES[c["kind"]] for c in cases])
    left.set(yscale="log", ylabel="ms (median)", title="Full tensor, T 50, H 32, I 10, B 1")
    left.legend(fontsize="small")
    for right in others:
        for item, marker in zip(found["cost"]["lstm"], "osd^", strict=True):
            right.plot(
                item["steps"], item["seconds"], marker=marker, label=f"{item['quantity']}: T^{item['exponent']:.2f}"
            )
        right.set(
            xscale="log", yscale="log", xlabel="steps T", ylabel="seconds (median)", title="LSTM, H 32: growth with T"
        )
        right.legend()
    figure.savefig(path)


if __name__ == "__main__":
    here = Path(__file__).parent
    write(json.loads((here / "jacobian.json").read_text(encoding="utf-8")), here)
