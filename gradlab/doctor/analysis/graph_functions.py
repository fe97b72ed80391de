"""The private TensorFlow functions with which a traced graph is searched or run once more, and a self-test of them.

Everything that TensorFlow does not promise is here: the registered gradient function of an operation, a scratch
`FuncGraph`, pausing all tapes of the thread, and the graphs behind a loop, a branch or a call. `fault()` says what does
not work with the installed TensorFlow. Then `Reachability` is not used, and the caller asks `tf.gradients` on a copy of
the graph instead: public, but it cannot look into loops and functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from gradlab.doctor.op_types import BRANCHES, LOOPS, TWO_BRANCHES

# What a gradient can be asked for: floats, handles of variables, and variants (a TensorList's gradient is a TensorList).
DIFFERENTIABLE = frozenset(
    {tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128, tf.resource, tf.variant}
)


def gradient_function(operation: Any) -> Callable[..., Any] | None:
    """The gradient function registered for an operation, None if it is registered as not differentiable. LookupError
    if nothing is registered, as when TensorFlow itself asks."""
    from tensorflow.python.framework import ops

    found: Callable[..., Any] | None = ops.get_gradient_function(operation)
    return found


@contextmanager
def scratch_graph(outer: Any) -> Iterator[None]:
    """A graph to build in and to throw away. Tensors of `outer` are captured by it; nothing is added to `outer`."""
    from tensorflow.python.eager import record
    from tensorflow.python.framework.func_graph import FuncGraph

    graph = FuncGraph("gradlab_scratch")
    graph.outer_graph = outer
    with record.stop_recording(), graph.as_default():
        yield


def _by_name(operation: Any, name: str) -> Any:
    """The graph of the function with this name in the library of an operation's graph, or of one around it; None if there
    is none. The functions that TensorFlow defines in the old way (Defun, as inside `tf.nn.ctc_loss`) have no such graph."""
    graph = operation.graph
    while graph is not None:
        function = graph._get_function(name) if hasattr(graph, "_get_function") else None
        if function is not None:
            return getattr(function, "graph", None)
        graph = getattr(graph, "outer_graph", None)
    return None


def _body(operation: Any, attribute: str, kept: str) -> Any:
    # While and If keep the graph that Python traced, with the learner's lines, in an attribute of the operation.
    graph = getattr(operation, kept, None) if kept else None
    return graph if graph is not None else _by_name(operation, operation.get_attr(attribute).name)


def condition(operation: Any) -> Any:
    """The graph of a loop's condition, None if it is not known."""
    return _body(operation, "cond", "_cond_graph")


def bodies(operation: Any) -> list[Any]:
    """The graphs that an operation runs: a loop's body, the branches, the function called. Unknown ones are left out.

    The inputs of a loop's body and of a called function are those of the operation; those of a branch are the
    operation's without the first, which chooses.
    """
    if operation.type in LOOPS:
        found = [_body(operation, "body", "_body_graph")]
    elif operation.type in TWO_BRANCHES:
        found = [_body(operation, "then_branch", "_true_graph"), _body(operation, "else_branch", "_false_graph")]
    elif operation.type in BRANCHES:
        names = operation.get_attr("branches")
        kept = [getattr(operation, f"_branch_graph_{n}", None) for n in range(len(names))]
        found = [k if k is not None else _by_name(operation, f.name) for k, f in zip(kept, names, strict=True)]
    else:
        found = [_body(operation, "f", "")]
    return [g for g in found if g is not None]


def compiled_graphs(function: Any) -> list[Any]:
    """The graphs that a tf.function has traced so far. Nothing is traced for the question."""
    return [c.graph for c in function._list_all_concrete_functions()]


@functools.cache
def fault() -> str:
    """Empty if these functions work with the installed TensorFlow, else what does not."""
    v = tf.Variable([1.0, 2.0])

    @tf.function(autograph=False)
    def loop(x: Any) -> Any:
        _, y = tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, tf.round(y) * v), (tf.constant(0), x))
        return y

    try:
        loop.get_concrete_function(tf.TensorSpec([2]))
        (graph,) = compiled_graphs(loop)
        before = len(graph.get_operations())
        (turn,) = [o for o in graph.get_operations() if o.type in LOOPS]
        (body,) = bodies(turn)
        (product,) = [o for o in body.get_operations() if o.type == "Mul"]
        if condition(turn) is None:
            return "the condition of a loop was not found"
        with scratch_graph(body):
            found = gradient_function(product)(product, tf.ones([2]))  # type: ignore[misc]
        if len(found) != 2 or any(g is None for g in found):
            return "the gradient function of Mul gave no gradient"
        if len(graph.get_operations()) != before:
            return "asking for a gradient function added operations to the graph"
    except (AttributeError, ImportError, KeyError, TypeError, ValueError, LookupError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
