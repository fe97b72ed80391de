"""Truth for line gradients that shares no code with them: a scenario's own tape is made persistent, every value that a
line assigns is watched on it by name, and the tape itself is asked for the gradient of each."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import numpy as np
import tensorflow as tf


def size(gradient: Any) -> float | None:
    """The norm of a gradient, None for None."""
    return None if gradient is None else float(np.linalg.norm(np.asarray(tf.convert_to_tensor(gradient), np.float64)))


class _Assignments(ast.NodeTransformer):
    """After every assignment hand the new values to `keep_`; make tapes persistent; hand each question to `ask_`."""

    def __init__(self, tape: str) -> None:
        self.tape, self.inside = tape, False

    def visit_With(self, node: ast.With) -> Any:
        for item in node.items:
            if isinstance(item.context_expr, ast.Call) and "GradientTape" in ast.unparse(item.context_expr):
                item.context_expr.keywords = [ast.keyword("persistent", ast.Constant(True))]
        before, self.inside = self.inside, True
        self.generic_visit(node)
        self.inside = before
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        if not self.inside:
            return node
        names = [
            n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        ]
        call = f"keep_({self.tape}, {node.lineno}, [{', '.join(names)}])"
        return [node, ast.copy_location(ast.parse(call).body[0], node)]

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if ast.unparse(node.func) == f"{self.tape}.gradient":
            return ast.copy_location(
                ast.Call(ast.Name("ask_", ast.Load()), [ast.Name(self.tape, ast.Load()), *node.args], []), node
            )
        return node


def values(scenario: Any, bug: bool, tape: str = "tape", **knobs: Any) -> dict[int, list[float | None]]:
    """{line: norm of d loss / d (what the line assigned), one for each time that it ran}."""
    run = scenario.run
    source, first = inspect.getsourcelines(run)
    tree = ast.parse(textwrap.dedent("".join(source)))
    ast.increment_lineno(tree, first - 1)
    tree = ast.fix_missing_locations(_Assignments(tape).visit(tree))
    kept: list[tuple[int, list[Any]]] = []
    found: dict[int, list[float | None]] = {}

    def keep_(at: Any, line: int, given: list[Any]) -> None:
        tensors = [t for t in tf.nest.flatten(given) if isinstance(t, tf.Tensor) and t.dtype.is_floating]
        at.watch(tensors)
        kept.append((line, list({id(t): t for t in tensors}.values())))

    def ask_(at: Any, loss: Any, sources: Any) -> Any:
        for line, tensors in kept:
            sizes = [size(at.gradient(loss, t)) for t in tensors]
            known = [s for s in sizes if s is not None]
            found.setdefault(line, []).append(float(np.sqrt(np.sum(np.square(known)))) if known else None)
        return at.gradient(loss, sources)

    names = {**run.__globals__, "keep_": keep_, "ask_": ask_}
    exec(compile(tree, "by_hand", "exec"), names)
    names["run"](bug, **scenario.setup(**knobs))
    return found
