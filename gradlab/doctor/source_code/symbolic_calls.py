"""The line that put an op into a Keras model, where the line that ran it only says `fit` or `model(x)`.

`h = ops.round(h)` on the symbolic tensors of a functional model runs nothing: it makes a layer, and the op runs later,
inside Keras. No line of the user's is around it then but the one that called the model. The same holds for
`Lambda(tf.round)`, and with legacy Keras for each function of TensorFlow that is given a symbolic tensor.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.op_names import makes

# The module whose functions take symbolic tensors: `keras.ops.round`, `ops.round`. A layer is no such function: where it
# is called, the line says what runs.
_MODULE = "ops"
_LAMBDA = "Lambda"
_TENSORFLOW = ("tf", "tensorflow")


def put_in(op: Op, place: Place, ran: Iterable[Op]) -> Place | None:
    """The one line of the file that can have put the op into a model; None if there is none, or more than one.

    `ran`: all ops of the trace. A line that ran ops itself is no such line.
    """
    if _mentions(op.type, syntax.statement_at(place.file, place.line)):
        return None
    tree = syntax.module(place.file)
    if tree is None:
        return None
    active = {(code.co_filename, line) for other in ran for code, line in other.stack}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _puts_in(node, op.type.lower())]
    if len({node.lineno for node in found}) != 1:
        return None
    lines = range(found[0].lineno, (found[0].end_lineno or found[0].lineno) + 1)
    if any((place.file, line) in active for line in lines):
        return None
    return Place(place.file, found[0].lineno, _function(tree, found[0].lineno))


def _mentions(kind: str, statement: ast.stmt | None) -> bool:
    return statement is None or any(
        makes(node, kind.lower()) for head in syntax.headers(statement) for node in ast.walk(head)
    )


def _puts_in(call: ast.Call, kind: str) -> bool:
    """Can this call put an op of this type into a model: a function of a symbolic tensor, or a Lambda layer of one?"""
    name = syntax.dotted(call.func).split(".")
    if name[-1] == _LAMBDA and call.args and not isinstance(call.args[0], ast.Lambda):
        return makes(ast.Call(call.args[0], [], []), kind)  # the lines of a lambda are the user's own, and run
    legacy = name[0] in _TENSORFLOW and "tf_keras" in sys.modules
    return (name[-2:-1] == [_MODULE] or legacy) and makes(call, kind)


def _function(tree: ast.Module, line: int) -> str:
    inside = [f for f in syntax.functions(tree) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return max(inside, key=lambda f: f.lineno).name if inside else "<module>"
