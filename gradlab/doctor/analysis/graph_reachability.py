"""Which tensors of a traced graph a gradient can reach: found by structure, without values and without running anything.

For every operation the gradient function that TensorFlow has registered for it is called once, in a scratch graph, and
what matters is only which inputs get something. Loops, branches and calls are searched by their bodies: what a loop
passes on in one turn is closed over the turns, branches count together. A gradient function that raises counts as
"unknown", which is treated as passing: an unknown operation is never blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis import graph_functions as private
from gradlab.doctor.op_types import BRANCHES, COMPOSITE, LOOPS, SHAPE_ONLY, is_write

_Sets = tuple[frozenset[int], ...]
# Attributes that say where an operation is or how large its tensors are, not what its gradient function does.
_IRRELEVANT = frozenset(
    {"_output_shapes", "output_shapes", "element_shape", "_class", "_xla_compile_id", "shared_name"}
)


@dataclass(frozen=True)
class Ways:
    """How the outputs of one operation hang on its inputs (numbers of inputs, one set for each output)."""

    needs: _Sets  # inputs whose values the output depends on
    passes: _Sets  # inputs that get a gradient of the output, zeros included
    carries: _Sets  # inputs that get one which is not zero by construction
    steers: frozenset[int] = frozenset()  # inputs that only decide how often a loop runs, or which branch
    writes: tuple[tuple[int, frozenset[int], Any], ...] = ()  # (handle, inputs, operation) of what a body assigns
    unknown: bool = False  # its gradient function raised


@dataclass
class _Masks:
    """For each tensor of a graph, as bits, the graph's inputs that it hangs on."""

    needs: dict[int, int]
    passes: dict[int, int]
    carries: dict[int, int]


# (type, dtypes, attributes that matter) -> the pairs (output, input) that pass, those that carry, and "it raised".
_probed: dict[Any, tuple[frozenset[tuple[int, int]], frozenset[tuple[int, int]], bool]] = {}


def _key(operation: Any) -> Any:
    attributes = sorted(
        (name, value.SerializeToString(deterministic=True))
        for name, value in operation.node_def.attr.items()
        if name not in _IRRELEVANT and (not name.startswith("_") or name == "_gradient_op_type")
    )
    dtypes = tuple(t.dtype for t in operation.inputs), tuple(t.dtype for t in operation.outputs)
    return operation.type, dtypes, tuple(attributes)


def _is_zero(value: Any) -> bool:
    """Is a tensor of a scratch graph zero whatever goes in: a constant zero, or one spread to a shape?"""
    operation = getattr(value, "op", None)
    if operation is None:
        return False
    if operation.type == "ZerosLike":
        return True
    if operation.type == "Fill":
        return _is_zero(operation.inputs[1])
    constant = tf.get_static_value(value) if operation.type == "Const" else None
    return constant is not None and constant.size > 0 and not constant.any()


def _upstream(output: Any, chosen: bool) -> Any:
    """What arrives at one output: ones if it is the output in question, else what TensorFlow fills in."""
    if output.dtype in (tf.resource, tf.variant):
        return output if chosen else None  # the gradient of a list is a list
    if chosen:
        return tf.ones_like(output)
    return tf.zeros_like(output) if output.dtype in private.DIFFERENTIABLE else None


@tf.autograph.experimental.do_not_convert
def probe(operation: Any) -> tuple[frozenset[tuple[int, int]], frozenset[tuple[int, int]], bool]:
    """The pairs (output, input) between which the registered gradient function passes something, those of them that
    are not zero by construction, and whether it raised."""
    key = _key(operation)
    if key in _probed:
        return _probed[key]
    inputs = [n for n, t in enumerate(operation.inputs) if t.dtype in private.DIFFERENTIABLE]
    passes: set[tuple[int, int]] = set()
    carries: set[tuple[int, int]] = set()
    raised = False
    try:
        function = private.gradient_function(operation)
    except LookupError:
        function = None  # TensorFlow raises when such an operation is asked, and gives no gradient
    for o, output in enumerate(operation.outputs) if function is not None else ():
        if output.dtype not in private.DIFFERENTIABLE:
            continue
        try:
            with private.scratch_graph(operation.graph):
                arriving = [_upstream(t, n == o) for n, t in enumerate(operation.outputs)]
                found = function(operation, *arriving)  # type: ignore[misc]
                found = list(found) if isinstance(found, (list, tuple)) else [found]
                pairs = {(o, n) for n in inputs if n < len(found) and found[n] is not None}
                passes |= pairs
                carries |= {(o, n) for o, n in pairs if not _is_zero(found[n])}
        except Exception:  # a gradient function may refuse in any way; what is not known is not blamed
            raised = True
            passes |= {(o, n) for n in inputs}
            carries |= {(o, n) for n in inputs}
    _probed[key] = frozenset(passes), frozenset(carries), raised
    return _probed[key]


def _split(pairs: Iterable[tuple[int, int]], outputs: int) -> _Sets:
    return tuple(frozenset(n for a, n in pairs if a == o) for o in range(outputs))


def closed(one: dict[int, set[int]], turns: int = 0) -> dict[int, set[int]]:
    """What a loop's outputs depend on over any number of turns, from what they depend on in one. With no turn at all
    an output is its own input; `turns=1` leaves that out."""
    found = {}
    for n in one:
        got = set(one[n]) if turns else {n}
        todo = list(got)
        while todo:
            for k in one.get(todo.pop(), ()):
                if k not in got:
                    got.add(k)
                    todo.append(k)
        found[n] = got
    return found


_TESTS: dict[str, Callable[..., Any]] = {
    "Less": np.less, "LessEqual": np.less_equal, "Greater": np.greater, "GreaterEqual": np.greater_equal,
    "NotEqual": np.not_equal, "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or, "Identity": np.asarray,
}  # fmt: skip


def goes_round(operation: Any) -> bool:
    """Is it known without running that a loop goes round at least once: is its condition true for constant first
    values, as in a loop over a range or over the steps of a sequence of known length?"""
    test = private.condition(operation)
    if test is None:
        return False
    first = {id(t): n for n, t in enumerate(test.inputs)}

    def value(t: Any) -> Any:
        if id(t) in first:
            return tf.get_static_value(operation.inputs[first[id(t)]])
        known = _TESTS.get(t.op.type)
        if known is None:
            return tf.get_static_value(t)
        sides = [value(i) for i in t.op.inputs]
        return None if any(v is None for v in sides) else known(*sides)

    found = value(test.outputs[0])
    return found is not None and bool(np.all(found))


def in_order(graph: Any) -> Iterator[Any]:
    """The operations of a graph, each after those that make its inputs. (A loop that was differentiated takes in
    operations that were made after it.)"""
    done: set[Any] = set()
    for last in graph.get_operations():
        todo = [last]
        while todo:
            operation = todo[-1]
            if operation in done:
                todo.pop()
                continue
            first = [t.op for t in operation.inputs if t.op not in done]
            if first:
                todo += first
            else:
                done.add(operation)
                todo.pop()
                yield operation


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Reachability:
    """What the graphs of one report pass on; remembers each operation that was looked at."""

    def __init__(self, asked: tuple[str, int] | None = None) -> None:
        self.asked = asked  # the line that asked for the gradient: TensorFlow adds to loops on its behalf
        self._ways: dict[Any, Ways] = {}
        self._masks: dict[Any, _Masks] = {}
        self._kept: list[Any] = []  # the ids below stay true as long as their things live

    def ways(self, operation: Any) -> Ways:
        """How the outputs of an operation hang on its inputs."""
        if operation not in self._ways:
            composite = operation.type in COMPOSITE
            self._ways[operation] = self._composite(operation) if composite else self._plain(operation)
        return self._ways[operation]

    def _plain(self, operation: Any) -> Ways:
        outputs = len(operation.outputs)
        every = frozenset(range(len(operation.inputs))) if operation.type not in SHAPE_ONLY else frozenset[int]()
        passes, carries, raised = probe(operation) if every else (frozenset(), frozenset(), False)
        return Ways((every,) * outputs, _split(passes, outputs), _split(carries, outputs), unknown=raised)

    def _composite(self, operation: Any) -> Ways:
        count, width = len(operation.outputs), len(operation.inputs)
        graphs = private.bodies(operation)
        if not graphs:  # not to be looked into: anything may pass
            every = (frozenset(range(width)),) * count
            return Ways(every, every, every, unknown=True)
        loop, branch = operation.type in LOOPS, operation.type in BRANCHES
        shift = 1 if branch else 0
        turns = 1 if loop and goes_round(operation) else 0
        found: list[_Sets] = []
        for kind in ("needs", "passes", "carries"):
            sets: dict[int, set[int]] = {n: set() for n in range(count)}
            for graph in graphs:
                masks = getattr(self.masks(graph), kind)
                for n, t in enumerate(graph.outputs[:count]):
                    sets[n] |= {k + shift for k in _bits(masks.get(id(t), 0))}
            sets = closed(sets, turns) if loop else sets
            found.append(tuple(frozenset(k for k in sets[n] if k < width) for n in range(count)))
        steers = {0} if branch else set[int]()
        if loop:
            test = private.condition(operation)
            first = set(_bits(self.masks(test).needs.get(id(test.outputs[0]), 0))) if test is not None else set()
            steers = first | {k for n in first if n < count for k in found[0][n]}
        writes = tuple(w for graph in graphs for w in self._writes(graph, shift))
        needs, passes, carries = found
        return Ways(needs, passes, carries, frozenset(steers), writes)

    def _writes(self, graph: Any, shift: int) -> Iterator[tuple[int, frozenset[int], Any]]:
        """What a body assigns to the variables it is given: (input of the handle, inputs of the value, operation)."""
        masks = self.masks(graph).needs
        for operation in graph.get_operations():
            if operation.type in COMPOSITE:
                inner = [
                    (operation.inputs[h], [operation.inputs[n] for n in v], o) for h, v, o in self._inner(operation)
                ]
            elif is_write(operation.type) and operation.inputs:
                inner = [(operation.inputs[0], list(operation.inputs)[1:], operation)]
            else:
                continue
            for handle, values, made in inner:
                written = 0
                for t in values:
                    written |= masks.get(id(t), 0)
                for h in _bits(masks.get(id(handle), 0)):
                    yield h + shift, frozenset(k + shift for k in _bits(written)), made

    def _inner(self, operation: Any) -> tuple[tuple[int, frozenset[int], Any], ...]:
        return self.ways(operation).writes

    def masks(self, graph: Any) -> _Masks:
        """For each tensor of a graph the inputs of the graph that it hangs on."""
        if graph in self._masks:
            return self._masks[graph]
        masks = _Masks({}, {}, {})
        for n, t in enumerate(graph.inputs):
            for kind in (masks.needs, masks.passes, masks.carries):
                kind[id(t)] = 1 << n
        for operation in in_order(graph):
            ways = self.ways(operation) if operation.inputs else None
            for o, t in enumerate(operation.outputs):
                self._kept.append(t)
                if ways is None or id(t) in masks.needs:
                    continue
                for kind, sets in (
                    (masks.needs, ways.needs),
                    (masks.passes, ways.passes),
                    (masks.carries, ways.carries),
                ):
                    mask = 0
                    for k in sets[o]:
                        mask |= kind.get(id(operation.inputs[k]), 0)
                    kind[id(t)] = mask
        self._masks[graph] = masks
        return masks

    def live(self, targets: Iterable[Any], kind: str = "passes") -> set[int]:
        """The ids of the tensors of a graph from which a way of this kind ("needs", "passes", "carries") leads to one
        of the targets, these included."""
        found: set[int] = set()
        todo = list(targets)
        while todo:
            t = todo.pop()
            if id(t) in found:
                continue
            found.add(id(t))
            self._kept.append(t)
            if t.op.inputs:
                todo += [t.op.inputs[k] for k in getattr(self.ways(t.op), kind)[t.value_index]]
        return found
